// node foreign.mjs DIR: has the real extension-sqlite of Hocuspocus and the real y-leveldb store the same two documents, in DIR/hocuspocus.sqlite
// and DIR/y-leveldb. cmd/weft/foreign/testdata was made with it.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { SQLite } from '@hocuspocus/extension-sqlite'
import { LeveldbPersistence } from 'y-leveldb'
import * as Y from 'yjs'

const dir = process.argv[2]
mkdirSync(dir, { recursive: true })

/** The updates of a text with marks, of a map and of an XML fragment, by a client with a fixed id. */
function updates(client) {
  const doc = new Y.Doc()
  doc.clientID = client
  const all = []
  doc.on('update', update => all.push(update))
  doc.getText('content').insert(0, 'Hello wörld 😀')
  doc.getText('content').format(0, 5, { bold: true })
  doc.getText('content').delete(6, 1)
  doc.getMap('meta').set('title', 'imported')
  const p = new Y.XmlElement('paragraph')
  doc.getXmlFragment('prosemirror').insert(0, [p])
  p.insert(0, [new Y.XmlText('a paragraph')])
  return { all, state: Y.encodeStateAsUpdate(doc) }
}

const sqlite = new SQLite({ database: join(dir, 'hocuspocus.sqlite') })
await sqlite.onConfigure({})
for (const [name, client] of [['team/plan', 1], ['notes', 2]]) {
  await sqlite.configuration.store({ documentName: name, state: Buffer.from(updates(client).state) })
}
sqlite.db.close()

const level = new LeveldbPersistence(join(dir, 'y-leveldb'))
for (const [name, client] of [['team/plan', 1], ['notes', 2]]) {
  for (const update of updates(client).all) await level.storeUpdate(name, update)
}
await level.flushDocument('notes') // one document as its updates, one as what they were merged to
await level.destroy()
