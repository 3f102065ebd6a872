// Measures real Yjs on one row, the same work as package engine does. Each row has a process of its own, so that none
// suffers from what another left on the heap.

import { readFileSync } from 'node:fs'
import { check, edit, job, open, readTrace, ROOT, say, Y } from './job.mjs'

const trace = readTrace()

// The updates lie in one buffer, as they would coming from a socket; each is looked at through a view of its own.
const file = readFileSync(job.updates)
const ends = []
{
  let at = 'weft updates 1\n'.length
  const count = file.readUInt32LE(at)
  at += 4
  for (let i = 0; i < count; i++) {
    const n = file.readUInt32LE(at)
    ends.push(at + 4, at + 4 + n)
    at += 4 + n
  }
}
const updateCount = ends.length / 2
const updateAt = i => file.subarray(ends[2 * i], ends[2 * i + 1])
const whole = readFileSync(job.updates + '.state')

// No collection is forced between measurements: Node throws compiled code away when it is collected often.
// What took is the time on the clock and the CPU time of all threads, in seconds.
const seconds = work => {
  const used = process.cpuUsage()
  const start = process.hrtime.bigint()
  const result = work()
  const value = Number(process.hrtime.bigint() - start) / 1e9
  const { user, system } = process.cpuUsage(used)
  return [{ value, cpu: (user + system) / 1e6 }, result]
}

const each = (took, n) => ({ value: took.value / n, cpu: took.cpu / n })

const remote = () => {
  const doc = new Y.Doc()
  for (let i = 0; i < updateCount; i++) Y.applyUpdate(doc, updateAt(i))
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
  for (let i = 0; i < updateCount; i++) {
    Y.applyUpdate(doc, updateAt(i))
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

const load = () => {
  const [took, text] = seconds(() => {
    const doc = new Y.Doc()
    Y.applyUpdate(doc, whole)
    return textOf(doc)
  })
  check(trace, text, 'load')
  return took
}

const encode = () => {
  const doc = new Y.Doc()
  Y.applyUpdate(doc, whole)
  const [took, update] = seconds(() => Y.encodeStateAsUpdate(doc))
  if (update.length !== whole.length) throw new Error('encode: another length')
  return took
}

const merge = n => () => {
  const some = Array.from({ length: n }, (_, i) => updateAt(i))
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
  const before = heap()
  kept.push(make())
  return { value: heap() - before, cpu: 0 }
}
const loaded = () => {
  const doc = new Y.Doc()
  Y.applyUpdate(doc, whole)
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
  return each(took, job.batch)
}

const prepend = () => {
  const text = open({ start: '' }).getText(ROOT)
  const [took] = seconds(() => {
    for (let i = 0; i < job.items; i++) text.insert(0, 'x')
  })
  if (text.length !== job.items) throw new Error('prepend: wrong length')
  return each(took, job.items)
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
  return each(took, job.batch)
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

// Measured at least so often, and on until enough time has passed, so that the compiler has seen short work too.
const repeat = (work, { least, seconds: enough, most }) => {
  const values = []
  const start = performance.now()
  while (values.length < least || (values.length < most && performance.now() - start < enough * 1000)) {
    values.push(work())
    say({ step: values.length })
  }
  return values
}

try {
  const work = rows[job.row]
  if (!work) throw new Error('Yjs is not measured on it')
  say({ values: repeat(work, job.repeat) })
} catch (error) {
  say({ error: String(error?.message ?? error) })
}
say({ done: 1 })
