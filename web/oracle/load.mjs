// Loads updates made by weft into a real Yjs document and says what Yjs makes of them: the way back of the oracle.
import * as Y from 'yjs'
import { withoutCleanup } from './machine.mjs'
import { rootOf } from './ops.mjs'
import { canonicalType } from './values.mjs'

const hex = (bytes) => Buffer.from(bytes).toString('hex')
const bytes = (text) => new Uint8Array(Buffer.from(text, 'hex'))

/**
 * {gc, updates: [hex], roots: [names]} -> {sv, update, pending, dumps} or {err, update}: what was done when it threw.
 * v2 says that the last update is in V2, merge that the updates are merged first.
 */
export const loadUpdates = ({ gc, updates, roots, v2, merge }) => {
  const doc = new Y.Doc({ gc, guid: 'oracle' })
  doc.clientID = 2 ** 52 + 1 // of no one
  doc.on('beforeTransaction', withoutCleanup)
  try {
    const list = merge ? [Y.mergeUpdates(updates.map(bytes))] : updates.map(bytes)
    for (const [i, update] of list.entries()) {
      if (v2 && i === list.length - 1) Y.applyUpdateV2(doc, update)
      else Y.applyUpdate(doc, update)
    }
    const out = {
      sv: hex(Y.encodeStateVector(doc)),
      update: hex(Y.encodeStateAsUpdate(doc)),
      pending: doc.store.pendingStructs !== null,
      dumps: {}
    }
    for (const name of roots) out.dumps[name] = canonicalType(rootOf(doc, name))
    return out
  } catch (e) {
    return { err: String(e?.stack ?? e), update: stateOf(doc) }
  }
}

const stateOf = (doc) => {
  try {
    return hex(Y.encodeStateAsUpdate(doc))
  } catch {
    return 'cannot be encoded'
  }
}
