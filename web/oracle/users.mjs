// Users of a document by real Yjs: two replicas that give their client ids to users, delete, meet, and give one name to
// both at once. Prints the state of both after each step as a line of JSON, and at the end what they know.
import * as Y from 'yjs'

const tick = () => new Promise((resolve) => setTimeout(resolve, 5))
const hex = (bytes) => Buffer.from(bytes).toString('hex')

const docs = [1, 2].map((id) => {
  const doc = new Y.Doc()
  doc.clientID = id
  return doc
})
const users = docs.map((doc) => new Y.PermanentUserData(doc))
const text = docs.map((doc) => doc.getText('t'))
const sync = () => {
  const [a, b] = docs.map((doc) => Y.encodeStateAsUpdate(doc))
  Y.applyUpdate(docs[1], a)
  Y.applyUpdate(docs[0], b)
}

const steps = [
  () => users[0].setUserMapping(docs[0], 1, 'alice'),
  () => text[0].insert(0, 'hello world'),
  sync,
  () => users[1].setUserMapping(docs[1], 2, 'bob'),
  () => text[0].delete(0, 2),
  () => text[1].delete(8, 3),
  () => text[1].delete(6, 1),
  sync,
  sync,
  () => users[0].setUserMapping(docs[0], 11, 'carol', { filter: () => false }),
  () => users[1].setUserMapping(docs[1], 12, 'carol', { filter: (_, ds) => ds.clients.size > 0 }),
  () => text[1].delete(0, 1),
  sync,
  sync,
  sync,
  () => text[0].delete(1, 1),
  sync
]

for (const step of steps) {
  step()
  await tick()
  console.log(JSON.stringify(docs.map((doc) => hex(Y.encodeStateAsUpdate(doc)))))
}
console.log(
  JSON.stringify(
    users.map((u) => [
      ...[1, 2, 3, 11, 12].map((id) => u.getUserByClientId(id) ?? ''),
      ...Array.from({ length: 12 }, (_, clock) => u.getUserByDeletedId(Y.createID(1, clock)) ?? '')
    ])
  )
)
