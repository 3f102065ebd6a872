// The history of a job, replayed by an engine, and the updates that it gives.

import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { Cannot, job, need, readUpdates, same } from './job.mjs'

/** The history: { start, end, txns: [[[index, deleted, inserted], ...], ...] }, in UTF-16 code units. */
export const readHistory = engine => {
  const history = JSON.parse(readFileSync(job.trace, 'utf8'))
  if (engine.codePoints && /[\ud800-\udfff]/.test(JSON.stringify(history.txns))) {
    throw new Cannot('its positions count code points')
  }
  return history
}

/** One transaction of a history. */
export const edit = (doc, patches) => {
  doc.transact(() => {
    for (const [index, deleted, inserted] of patches) {
      if (deleted > 0) doc.remove(index, deleted)
      if (inserted !== '') doc.insert(index, inserted)
    }
  })
}

/** A document in which the history was replayed, a transaction for each of its own. */
export const replay = (engine, history, options) => {
  const doc = engine.open({ client: job.client, ...options })
  if (history.start !== '') edit(doc, [[0, 0, history.start]])
  for (const patches of history.txns) edit(doc, patches)
  return doc
}

const uint32 = n => {
  const b = Buffer.alloc(4)
  b.writeUInt32LE(n)
  return b
}

/**
 * The update of each transaction, in the engine's own format. Those that speak Yjs's get the ones that real Yjs made,
 * the others make theirs once and keep them in a file.
 */
export const updatesOf = (engine, history) => {
  if (engine.speaksYjs) return readUpdates(job.updates)
  if (!existsSync(job.own)) {
    const kept = []
    const doc = replay(engine, history, { listen: update => { kept.push(Buffer.from(update)) } })
    same(doc.text(), history.end, 'making the updates')
    writeFileSync(job.own + '.part', Buffer.concat([
      Buffer.from('weft updates 1\n'), uint32(kept.length), ...kept.flatMap(update => [uint32(update.length), update])
    ]))
    renameSync(job.own + '.part', job.own)
    doc.free()
  }
  return readUpdates(job.own)
}

/** A document that took in all updates one by one. */
export const receive = (engine, updates) => {
  const doc = engine.open()
  for (const update of updates) doc.apply(update)
  return doc
}

/** The whole document in the engine's own forms: { first, second, text }, the second undefined where it has one only. */
export const wholeOf = engine => {
  if (engine.speaksYjs) {
    return { first: readFileSync(job.v1), second: readFileSync(job.v2), text: readFileSync(job.text, 'utf8') }
  }
  if (!job.trace) throw new Cannot('the document is in the format of Yjs')
  const history = readHistory(engine)
  const doc = replay(engine, history)
  need(doc, 'save')
  return { first: Buffer.from(doc.save()), second: doc.saveV2 && Buffer.from(doc.saveV2()), text: history.end }
}
