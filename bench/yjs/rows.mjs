// Measures real Yjs on the rows that the Go side names, the same work as package engine does.

import { readFileSync } from 'node:fs'
import { check, edit, job, open, readTrace, ROOT, say, Y } from './job.mjs'

const trace = readTrace()

const updates = (() => {
  const file = readFileSync(job.updates)
  const all = []
  let at = 'weft updates 1\n'.length
  const count = file.readUInt32LE(at)
  at += 4
  for (let i = 0; i < count; i++) {
    const n = file.readUInt32LE(at)
    // A copy of its own, as it would come from a socket.
    all.push(new Uint8Array(file.subarray(at + 4, at + 4 + n)))
    at += 4 + n
  }
  return all
})()

const seconds = work => {
  global.gc()
  const start = process.hrtime.bigint()
  const result = work()
  return [Number(process.hrtime.bigint() - start) / 1e9, result]
}

const remote = () => {
  const doc = new Y.Doc()
  for (const update of updates) Y.applyUpdate(doc, update)
  return doc
}

const local = listen => {
  const doc = open(trace)
  let bytes = 0
  if (listen) doc.on('update', update => { bytes += update.length })
  const text = doc.getText(ROOT)
  for (const patches of trace.txns) edit(doc, text, patches)
  if (listen && bytes === 0) throw new Error('no updates were seen')
  return doc
}

// The whole step of a server: apply, what to send on, the new state vector.
const serve = () => {
  const doc = new Y.Doc()
  let bytes = 0
  doc.on('update', update => { bytes += update.length })
  for (const update of updates) {
    Y.applyUpdate(doc, update)
    bytes += Y.encodeStateVector(doc).length
  }
  if (bytes === 0) throw new Error('no updates were seen')
  return doc
}

const textOf = doc => doc.getText(ROOT).toString()

const timedReplay = (work, name) => () => {
  const [took, doc] = seconds(work)
  check(trace, textOf(doc), name)
  doc.destroy()
  return took
}

let encoded
const whole = () => (encoded ??= Y.encodeStateAsUpdate(remote()))

const load = () => {
  const update = whole()
  const [took, text] = seconds(() => {
    const doc = new Y.Doc()
    Y.applyUpdate(doc, update)
    return textOf(doc)
  })
  check(trace, text, 'load')
  return took
}

const encode = () => {
  const doc = new Y.Doc()
  Y.applyUpdate(doc, whole())
  const [took, update] = seconds(() => Y.encodeStateAsUpdate(doc))
  if (update.length !== whole().length) throw new Error('encode: another length')
  return took
}

const merge = n => () => {
  const some = updates.slice(0, n)
  const [took, update] = seconds(() => Y.mergeUpdates(some))
  if (update.length === 0) throw new Error('merge: nothing')
  return took
}

const heap = () => {
  global.gc()
  global.gc()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

// One document is kept by each call, so that the heap grows by it and by nothing else.
const kept = []
const memory = make => () => {
  whole()
  const before = heap()
  kept.push(make())
  return heap() - before
}
const loaded = () => {
  const doc = new Y.Doc()
  Y.applyUpdate(doc, whole())
  return doc
}

// The same numbers as in Go's package engine.
const random = seed => below => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
  return Math.floor(seed * below / 4294967296)
}

let scattered
const randomInsert = () => {
  if (!scattered) {
    const doc = open({ start: '' })
    scattered = { text: doc.getText(ROOT), next: random(1), doc }
    for (let i = 0; i < job.items; i++) scattered.text.insert(scattered.next(scattered.text.length + 1), 'x')
  }
  const { text, next } = scattered
  const [took] = seconds(() => {
    for (let i = 0; i < job.batch; i++) text.insert(next(text.length + 1), 'y')
  })
  return took / job.batch
}

const prepend = () => {
  const text = open({ start: '' }).getText(ROOT)
  const [took] = seconds(() => {
    for (let i = 0; i < job.items; i++) text.insert(0, 'x')
  })
  if (text.length !== job.items) throw new Error('prepend: wrong length')
  return took / job.items
}

const mapSet = () => {
  const doc = new Y.Doc()
  for (let client = 1; client <= job.clients; client++) {
    const one = new Y.Doc()
    one.clientID = client
    one.getMap('m').set('k' + client, client)
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(one))
  }
  doc.clientID = job.clients + 1
  let bytes = 0
  doc.on('update', update => { bytes += update.length })
  const map = doc.getMap('m')
  const [took] = seconds(() => {
    for (let i = 0; i < job.batch; i++) map.set('x', i)
  })
  if (map.get('x') !== job.batch - 1 || bytes === 0) throw new Error('map set: wrong value')
  return took / job.batch
}

const rows = {
  local: timedReplay(() => local(false), 'local'),
  'local-update': timedReplay(() => local(true), 'local with updates'),
  remote: timedReplay(remote, 'remote'),
  'remote-serve': timedReplay(serve, 'remote as a server'),
  load,
  encode,
  merge: merge(job.merge),
  'memory-loaded': memory(loaded),
  'memory-lived': memory(remote),
  'random-insert': randomInsert,
  prepend,
  'map-set': mapSet
}

say({ versions: { node: process.version } })
for (const { row, best } of job.rows) {
  const work = rows[row]
  if (!work) {
    say({ row, error: 'Yjs is not measured on it' })
    continue
  }
  try {
    const values = []
    for (let i = 0; i < best; i++) {
      values.push(work())
      say({ row, step: i + 1 })
    }
    say({ row, values })
  } catch (error) {
    say({ row, error: String(error?.message ?? error) })
  }
}
say({ done: job.rows.length })
