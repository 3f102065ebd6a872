// The rows of crdt-benchmarks. Their input is made by Go and read from a file, so that all engines have the same.

import { readFileSync } from 'node:fs'
import { job, need, same, seconds } from './job.mjs'
import { edit, readHistory } from './history.mjs'

const readScript = () => JSON.parse(readFileSync(job.script, 'utf8'))

const list = values => JSON.stringify(values)

// B1: one author, a transaction for each edit, its update encoded; another document takes the updates in afterwards.
const alone = (apply, read) => engine => {
  const { edits, end } = readScript()
  return () => {
    const updates = []
    const doc = engine.open({ client: 1, listen: update => { updates.push(update) } })
    if (apply === push) need(doc, 'push', 'list')
    const [took] = seconds(() => { for (const one of edits) apply(doc, one) })
    const other = engine.open({ client: 2 })
    for (const update of updates) other.apply(update)
    same(read(doc), end, 'the author')
    same(read(other), end, 'the reader')
    doc.free()
    other.free()
    return took
  }
}

const write = (doc, one) => edit(doc, [one])
const push = (doc, [index, values]) => doc.transact(() => doc.push(index, values))

// B2: two authors edit the same text, a transaction each, and take in each other's.
const both = engine => {
  const { start, first, second, length } = readScript()
  return () => {
    const updates = [[], []]
    const docs = updates.map((kept, i) => engine.open({ client: i + 1, listen: update => { kept.push(update) } }))
    edit(docs[0], [[0, 0, start]])
    for (const update of updates[0].splice(0)) docs[1].apply(update)
    updates[1].splice(0)
    const [took] = seconds(() => {
      edit(docs[0], first)
      edit(docs[1], second)
      const [mine, theirs] = updates.map(kept => kept.splice(0))
      for (const update of mine) docs[1].apply(update)
      for (const update of theirs) docs[0].apply(update)
    })
    same(docs[0].text(), docs[1].text(), 'two authors')
    if (length > 0 && docs[0].text().length !== length) throw new Error('two authors: wrong length')
    for (const doc of docs) doc.free()
    return took
  }
}

const changes = {
  number: [(doc, i) => doc.set('v', i), 'set'],
  object: [(doc, i) => doc.set('v', { name: String(i), address: 'here' }), 'set'],
  string: [(doc, i, n) => doc.set('v', String(i).repeat(n)), 'set'],
  array: [(doc, i) => doc.push(0, [String(i)]), 'push'],
  text: [(doc, i) => doc.insert(0, String(i)), 'insert']
}

// B3: many clients change the same thing, and one takes in all that the others did, in one transaction if it can.
const crowd = engine => {
  const { kind, clients } = readScript()
  const [change, name] = changes[kind]
  const updates = []
  for (let i = 0; i < clients; i++) {
    const doc = engine.open({ client: i + 1, listen: update => { updates.push(update) } })
    need(doc, name)
    doc.transact(() => change(doc, i, clients))
    doc.free()
  }
  const read = doc => (name === 'set' ? list(doc.get('v')) : name === 'push' ? list(doc.list()) : doc.text())
  return () => {
    const doc = engine.open()
    const [took] = seconds(() => {
      if (doc.applyAll) doc.applyAll(updates)
      else for (const update of updates) doc.apply(update)
    })
    const other = engine.open()
    for (const update of updates.toReversed()) other.apply(update)
    same(read(doc), read(other), 'many clients')
    doc.free()
    other.free()
    return took
  }
}

// B4: the history of automerge-paper, some times over at the start of the text, a transaction for each edit; nobody
// listens.
const paper = engine => {
  const { end, txns } = readHistory(engine)
  const { times } = readScript()
  return () => {
    const [took, doc] = seconds(() => {
      const doc = engine.open({ client: 1 })
      for (let i = 0; i < times; i++) for (const patches of txns) edit(doc, patches)
      return doc
    })
    same(doc.text(), end.repeat(times), 'B4')
    doc.free()
    return took
  }
}

export const scripts = {
  'script-text': alone(write, doc => doc.text()),
  'script-numbers': alone(push, doc => list(doc.list())),
  'script-both': both,
  'script-crowd': crowd,
  'script-paper': paper
}
