// Runs an oracle script: documents, steps, and for each step what can be seen after it.
//
// Every step has a slot: the V1 updates that its document emitted on its own account (a local transaction, a cleanup of
// formatting, an undo). Later steps deliver slots by number. A slot whose step was cut out of the script is empty, so a
// script stays valid however much of it is removed.
//
//   {docs: [{c client id, gc, filter, undo, clean, watch, react}], roots: [names], steps: [...]}; see Replica for what they do
//
//   ["op", d, [op, ...]]        one transaction
//   ["recv", d, [slot, ...]]    apply the updates of the slots one by one
//   ["recv2", d, [slot, ...]]   the same in V2: each converted, then applied
//   ["merge", d, [slot, ...]]   merge the updates of the slots, apply the result
//   ["sync", d, from]           from's answer to d's state vector
//   ["reload", d, client]       encode, load into a fresh document, go on with that under a new client id
//   ["undo", d]  ["redo", d]    ["stop", d] the next edit is a step of its own   ["clear", d] forget all steps
//   ["cursor", d, root, path, at, assoc]  a relative position, remembered   ["resolve", d]  all of them, resolved
//   ["diff", [slot, ...], [r]]  merge the slots' updates; diff the result against a state vector made of its own; in V2 too;
//                             and all else that can be done with an update and no document
//   ["check", d, [r], deep]     all that can be read; r picks a state vector below the document's own
//   ["snap" ...] and others     see snapshots.mjs
//
// The reply is one entry for each step; see the functions below for what an entry holds.
import * as Y from 'yjs'
import { resolvePath, rootOf, runOp } from './ops.mjs'
import { contains, encodeSnapshots, readAt, readBetween, restore, takeSnapshot } from './snapshots.mjs'
import { canonicalDelta, canonicalString, canonicalType, jsonText } from './values.mjs'
import { view } from './view.mjs'
import { react, watch } from './watch.mjs'

const hex = (bytes) => Buffer.from(bytes).toString('hex')
const remote = Symbol('remote')

// Filters of collection by name: what they are true of is collected. None may depend on where runs are cut: Yjs cuts
// them where an update that it knows already has an origin, and merges them after collecting.
const filters = {
  author: (item) => item.id.client % 2 === 1,
  keyed: (item) => item.parentSub !== null,
  text: (item) => item.content instanceof Y.ContentString
}

const newDoc = (spec) => new Y.Doc({ gc: spec.gc, gcFilter: filters[spec.filter], guid: 'oracle' })

class Replica {
  constructor (spec, roots) {
    this.spec = spec
    this.roots = roots
    this.emitted = []
    this.log = []
    this.cursors = []
    this.open(newDoc(spec))
  }

  open (doc) {
    this.doc = doc
    doc.clientID = this.spec.c
    doc.on('update', (update, origin) => {
      if (origin !== remote) this.emitted.push(update)
      else this.applied++
    })
    if (!this.spec.clean) doc.on('beforeTransaction', withoutCleanup)
    // Yjs destroys a subdocument that was removed, which is a transaction in which it is removed once more.
    doc.on('subdocs', ({ removed }) => {
      for (const subdocument of removed) {
        subdocument.options = subdocument._item?.content.opts // to be read at snapshots
        subdocument._item = null
      }
    })
    // A text that is declared only after formatting has arrived is edited by search markers that know no formatting:
    // what Yjs then does depends on what was read before. So all roots are declared first.
    for (const name of this.roots) rootOf(doc, name)
    if (this.spec.watch) watch(doc, this.roots, this.log)
    if (this.spec.react) react(doc, this.roots)
    if (this.spec.undo) this.watchUndo()
  }

  watchUndo () {
    const { undo } = this.spec
    const roots = this.roots.map((name) => rootOf(this.doc, name))
    const scope = { all: roots, one: roots.slice(0, 1), doc: this.doc }[undo.scope]
    const options = { captureTimeout: undo.group ? 1e12 : 0, doc: this.doc, ignoreRemoteMapChanges: undo.overwrite }
    if (undo.foreign) options.trackedOrigins = new Set([null, remote])
    if (undo.filter) options.deleteFilter = (item) => item.id.clock % 3 !== 0
    this.undo = new Y.UndoManager(scope, options)
    const note = (name) => (e) => this.log.push(`${name} ${e.type}`)
    for (const name of ['stack-item-added', 'stack-item-updated', 'stack-item-popped']) this.undo.on(name, note(name))
    this.undo.on('stack-cleared', (e) => this.log.push(`stack-cleared ${e.undoStackCleared} ${e.redoStackCleared}`))
  }

  takeLog () {
    const out = this.log.splice(0)
    return out
  }

  take () {
    const out = this.emitted
    this.emitted = []
    return out
  }

  // What an update did, beyond what it emitted: did anything change, counting what now waits for its past.
  apply (update, version = 1) {
    const store = this.doc.store
    const { pendingStructs, pendingDs } = store
    const waiting = pendingStructs && hex(pendingStructs.update)
    const waitingDs = pendingDs && hex(pendingDs)
    this.applied = 0
    if (version === 2) Y.applyUpdateV2(this.doc, update, remote)
    else Y.applyUpdate(this.doc, update, remote)
    return (
      this.applied > 0 ||
      waiting !== (store.pendingStructs && hex(store.pendingStructs.update)) ||
      waitingDs !== (store.pendingDs && hex(store.pendingDs))
    )
  }
}

// Yjs cleans up formatting after a remote transaction where a text was declared. A document that stands for one which
// never declares a type must not do so although its operations have to name types.
export const withoutCleanup = (transaction) =>
  Object.defineProperty(transaction, '_needFormattingCleanup', { get: () => false, set: () => {} })

const clocksBelow = (vector, picks) => {
  const below = new Map()
  let i = 0
  for (const [client, clock] of [...vector].sort((a, b) => b[0] - a[0])) {
    const pick = picks[i++ % picks.length]
    if (pick > 0) below.set(client, Math.floor((clock * pick) / 255))
  }
  return below
}

const vectorBelow = (vector, picks) => Y.encodeStateVector(clocksBelow(vector, picks))

const readRoot = (doc, name) => {
  const t = rootOf(doc, name)
  const out = { dump: canonicalType(t), json: jsonText(t.toJSON()), view: view(t) }
  if (t instanceof Y.Text) {
    out.text = canonicalString(t.toString())
    out.delta = canonicalDelta(t.toDelta())
    out.length = t.length
  } else if (t instanceof Y.XmlFragment) {
    out.xml = canonicalString(t.toString())
    out.length = t.length
  } else if (t instanceof Y.Array) {
    out.length = t.length
  }
  return out
}

const readRoots = (replica) => Object.fromEntries(replica.roots.map((name) => [name, readRoot(replica.doc, name)]))

const check = (replica, picks, deep) => {
  const { doc } = replica
  const update = Y.encodeStateAsUpdate(doc)
  const vector = vectorBelow(stateVectorOf(doc), picks)
  const out = {
    sv: hex(Y.encodeStateVector(doc)),
    update: hex(update),
    diffSV: hex(vector),
    diff: hex(Y.encodeStateAsUpdate(doc, vector)),
    update2: hex(Y.encodeStateAsUpdateV2(doc)),
    diff2: hex(Y.encodeStateAsUpdateV2(doc, vector)),
    pending: doc.store.pendingStructs !== null,
    ...encodeSnapshots(Y.snapshot(doc))
  }
  if (deep) out.roots = readRoots(replica)
  return out
}

const stateVectorOf = (doc) => Y.decodeStateVector(Y.encodeStateVector(doc))

/** Runs a script and returns the reply: {steps: [entry, ...]}; an entry with err ends the run. */
export const runScript = (script) => {
  const replicas = script.docs.map((spec) => new Replica(spec, script.roots))
  const slots = []
  const snaps = []
  const collect = (list) => list.flatMap((slot) => slots[slot] ?? [])
  const entries = []
  for (const [at, step] of script.steps.entries()) {
    let entry
    try {
      entry = step[0] in snapshotSteps
        ? snapshotSteps[step[0]](step, replicas, collect, snaps, at)
        : runStep(step, replicas, collect)
    } catch (e) {
      entries.push({ err: String(e?.stack ?? e) })
      break
    }
    if (entry.own) {
      slots[at] = entry.own
      entry.own = entry.own.map(hex)
    }
    const replica = typeof step[1] === 'number' ? replicas[step[1]] : undefined
    if (step[0] in snapshotSteps) replica?.takeLog() // reading at a snapshot is a transaction here, and none in the engine
    if (replica?.log.length > 0) entry.log = replica.takeLog()
    entries.push(entry)
  }
  for (const { doc } of replicas) doc.destroy()
  return { steps: entries }
}

const runStep = (step, replicas, collect) => {
  const replica = typeof step[1] === 'number' ? replicas[step[1]] : undefined
  switch (step[0]) {
    case 'op':
      replica.doc.transact(() => {
        for (const op of step[2]) runOp(replica.doc, op)
      })
      return { own: replica.take() }
    case 'recv': {
      const changed = collect(step[2]).map((update) => replica.apply(update))
      return { own: replica.take(), changed }
    }
    case 'recv2': {
      const converted = collect(step[2]).map((update) => Y.convertUpdateFormatV1ToV2(update))
      const changed = converted.map((update) => replica.apply(update, 2))
      return { own: replica.take(), converted: converted.map(hex), changed }
    }
    case 'merge': {
      const updates = collect(step[2])
      if (updates.length === 0) return { own: [] }
      const merged = Y.mergeUpdates(updates)
      const changed = [replica.apply(merged)]
      return { own: replica.take(), merged: hex(merged), changed }
    }
    case 'sync': {
      const update = Y.encodeStateAsUpdate(replicas[step[2]].doc, Y.encodeStateVector(replica.doc))
      const changed = [replica.apply(update)]
      return { own: replica.take(), merged: hex(update), changed }
    }
    case 'reload': {
      const update = Y.encodeStateAsUpdate(replica.doc)
      replica.undo?.destroy()
      replica.spec = { ...replica.spec, c: step[2] }
      replica.open(newDoc(replica.spec))
      replica.apply(update)
      replica.emitted = []
      return { merged: hex(update) }
    }
    case 'undo':
    case 'redo': {
      const step0 = step[0] === 'undo' ? replica.undo.undo() : replica.undo.redo()
      return { own: replica.take(), stacks: stacksText(replica.undo, step0 !== null) }
    }
    case 'stop':
      replica.undo.stopCapturing()
      return {}
    case 'clear':
      replica.undo.clear()
      return { own: replica.take(), stacks: stacksText(replica.undo, false) }
    case 'cursor':
      return { cursor: cursorOf(replica, step.slice(2)) }
    case 'resolve':
      return { cursor: replica.cursors.map((p) => resolveText(replica.doc, p)).join(' ') }
    case 'diff':
      return diff(collect(step[1]), step[2])
    case 'check':
      return check(replica, step[2], step[3])
    default:
      throw new Error(`unknown step ${step[0]}`)
  }
}

const rangesText = (set) =>
  [...set.clients].map(([client, ranges]) => `${client}:${ranges.map((r) => `${r.clock}+${r.len}`).join(',')}`).join(' ')

const stacksText = (undo, done) =>
  [String(done), ...[undo.undoStack, undo.redoStack].map((stack) =>
    stack.map((s) => `(+ ${rangesText(s.insertions)} - ${rangesText(s.deletions)})`).join(''))].join(' | ')

// A relative position in its binary and in its JSON form.
const cursorOf = (replica, [root, path, at, assoc]) => {
  const type = resolvePath(rootOf(replica.doc, root), path)
  if (type instanceof Y.Map) return ''
  const p = Y.createRelativePositionFromTypeIndex(type, at % (type.length + 1), assoc)
  replica.cursors.push(p)
  return `${hex(Y.encodeRelativePosition(p))} ${JSON.stringify(Y.relativePositionToJSON(p))}`
}

const resolveText = (doc, p) =>
  [true, false].map((follow) => {
    const a = Y.createAbsolutePositionFromRelativePosition(p, doc, follow)
    return a === null ? '-' : `${a.index}:${canonicalType(a.type)}`
  }).join('/')

const snapshotSteps = {
  snap ([, d, picks], replicas, _, snaps, at) {
    const { doc } = replicas[d]
    snaps[at] = takeSnapshot(doc, picks.length > 0 ? clocksBelow(stateVectorOf(doc), picks) : undefined, at)
    return encodeSnapshots(snaps[at])
  },
  at: ([, d, snap], replicas, _, snaps) => ({
    at: readAt(replicas[d].doc, replicas[d].roots, snaps[snap] ?? Y.emptySnapshot)
  }),
  between: ([, d, before, snap], replicas, _, snaps) => ({
    between: readBetween(
      replicas[d].doc,
      replicas[d].roots,
      snaps[before] ?? Y.emptySnapshot,
      snaps[snap] ?? Y.emptySnapshot
    )
  }),
  restore: ([, d, snap, gc], replicas, _, snaps) =>
    restore(replicas[d].doc, replicas[d].roots, snaps[snap] ?? Y.emptySnapshot, gc),
  contains: ([, a, b, list], _, collect, snaps) =>
    contains(snaps[a] ?? Y.emptySnapshot, snaps[b] ?? Y.emptySnapshot, collect(list))
}

const diff = (updates, picks) => {
  if (updates.length === 0) return {}
  const merged = Y.mergeUpdates(updates)
  const vector = Y.encodeStateVectorFromUpdate(merged)
  const below = vectorBelow(Y.parseUpdateMeta(merged).to, picks)
  const converted = updates.map((update) => Y.convertUpdateFormatV1ToV2(update))
  const merged2 = Y.mergeUpdatesV2(converted)
  return {
    merged: hex(merged),
    sv: hex(vector),
    diffSV: hex(below),
    diff: hex(Y.diffUpdate(merged, below)),
    converted: [...converted, merged2].map(hex),
    diff2: hex(Y.diffUpdateV2(merged2, below)),
    back: hex(Y.convertUpdateFormatV2ToV1(merged2)),
    ...withoutDocument(merged, merged2, picks)
  }
}

// What can be asked of an encoded update. The picks say what obfuscation leaves readable.
const withoutDocument = (merged, merged2, picks) => {
  const options = { formatting: picks[0] % 2 === 0, subdocs: picks[0] % 3 !== 0, yxml: picks[0] % 5 !== 0 }
  return {
    obfuscated: [hex(Y.obfuscateUpdate(merged, options)), hex(Y.obfuscateUpdateV2(merged2, options))],
    meta: [metaText(Y.parseUpdateMeta(merged)), metaText(Y.parseUpdateMetaV2(merged2))],
    sv2: hex(Y.encodeStateVectorFromUpdateV2(merged2))
  }
}

const metaText = ({ from, to }) =>
  [...from.keys()]
    .sort((a, b) => a - b)
    .map((client) => `${client}:${from.get(client)}-${to.get(client)}`)
    .join(' ')
