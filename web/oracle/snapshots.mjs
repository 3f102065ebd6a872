// The steps of an oracle script that take snapshots and read at them.
//
//   ["snap", d, [r]]                remember a snapshot under the number of the step; with r its state vector lies below
//   ["at", d, snap]                 all roots as they were at a snapshot
//   ["between", d, before, snap]    all texts with what changed between two
//   ["restore", d, snap, gc]        the document restored from one
//   ["contains", a, b, [slot, ...]] is each update, and all merged, contained in a; are a and b equal
//
// A snapshot whose step was cut out of the script, or whose number is -1, is the empty one.
import * as Y from 'yjs'
import { nestedIn, rootOf } from './ops.mjs'
import { canonical, canonicalDelta, canonicalString, canonicalType, sortedObject } from './values.mjs'

const hex = (bytes) => Buffer.from(bytes).toString('hex')

/** A snapshot in both formats. */
export const encodeSnapshots = (snap) => ({ snap: hex(Y.encodeSnapshot(snap)), snap2: hex(Y.encodeSnapshotV2(snap)) })

/** Takes a snapshot; which one is remembered, itself or one of those that its bytes decode to, changes with the step. */
export const takeSnapshot = (doc, vector, at) => {
  let snap = Y.snapshot(doc)
  if (vector) snap = Y.createSnapshot(snap.ds, vector)
  if (at % 3 === 1) snap = Y.decodeSnapshot(Y.encodeSnapshot(snap))
  if (at % 3 === 2) snap = Y.decodeSnapshotV2(Y.encodeSnapshotV2(snap))
  return snap
}

const canonicalAt = (v, snap) => {
  if (!(v instanceof Y.AbstractType)) return canonical(v)
  const values = () => {
    const all = Y.typeMapGetAllSnapshot(v, snap)
    const out = Object.keys(all)
      .filter((k) => all[k] !== undefined) // what was collected is there, without content
      .map((k) => [k, canonicalAt(all[k], snap)])
    return sortedObject(Object.fromEntries(out), (text) => text)
  }
  const list = () => Y.typeListToArraySnapshot(v, snap).map((e) => canonicalAt(e, snap)).join(',')
  if (v instanceof Y.Text) {
    const kind = v instanceof Y.XmlText ? 'xmltext' : 'text'
    return `${kind}(${canonicalDelta(v.toDelta(snap), (e) => canonicalAt(e, snap))},${values()})`
  }
  if (v instanceof Y.Array) return `array[${list()}]`
  if (v instanceof Y.XmlHook) return `hook(${canonicalString(v.hookName)},${values()})`
  if (v instanceof Y.Map) return `map${values()}`
  if (v instanceof Y.XmlElement) return `element(${canonicalString(v.nodeName)},${values()},[${list()}])`
  return `fragment[${list()}]`
}

// Yjs reads arrays and maps at a snapshot run by run, and a text only after it has cut all runs of the document. So a
// text is read first, and the rest in the same transaction.
export const readAt = (doc, roots, snap) => {
  const out = {}
  doc.transact(() => {
    doc.getText(roots.find((name) => name[0] === 't')).toDelta(snap)
    for (const name of roots) {
      const t = rootOf(doc, name)
      out[name] = canonicalAt(t, snap)
      if (!(t instanceof Y.Text)) continue
      const text = t.toDelta(snap).map((op) => (typeof op.insert === 'string' ? op.insert : ''))
      out[`${name} text`] = canonicalString(text.join(''))
    }
  }, 'cleanup')
  return out
}

const textsIn = (t) => [...(t instanceof Y.Text ? [t] : []), ...nestedIn(t).flatMap(textsIn)]

const describers = [
  undefined,
  (type, id) => ({ user: id.client, type, clock: id.clock }),
  (type, id) => ({ type, clock: id.clock })
]

export const readBetween = (doc, roots, before, snap) =>
  roots
    .flatMap((name) => textsIn(rootOf(doc, name)))
    .flatMap((t) => describers.map((describe) => canonicalDelta(t.toDelta(snap, before, describe))))

export const restore = (doc, roots, snap, gc) => {
  // Yjs cuts runs before it finds that it cannot go on, and a surrogate pair may be lost; the engine looks before.
  const known = Y.decodeStateVector(Y.encodeStateVector(doc))
  if ([...snap.sv].some(([client, clock]) => clock > (known.get(client) ?? 0))) return { refused: true }
  const into = new Y.Doc({ gc, guid: 'oracle' })
  try {
    // By itself Yjs restores in a transaction without an origin, which is a step to an UndoManager of the whole document.
    doc.transact(() => Y.createDocFromSnapshot(doc, snap, into), 'cleanup')
  } catch {
    return { refused: true }
  }
  return {
    sv: hex(Y.encodeStateVector(into)),
    update: hex(Y.encodeStateAsUpdate(into)),
    update2: hex(Y.encodeStateAsUpdateV2(into)),
    ...encodeSnapshots(Y.snapshot(into)),
    at: Object.fromEntries(roots.map((name) => [name, canonicalType(rootOf(into, name))]))
  }
}

export const contains = (a, b, updates) => {
  const all = updates.length > 0 ? [...updates, Y.mergeUpdates(updates)] : []
  return { answers: [...all.map((update) => Y.snapshotContainsUpdate(a, update)), Y.equalSnapshots(a, b)] }
}
