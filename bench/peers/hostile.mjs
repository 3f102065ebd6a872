// The rows on valid updates that want to do harm. They are in the format of Yjs.

import { readFileSync } from 'node:fs'
import { Cannot, each, job, readUpdates, seconds } from './job.mjs'

// The client that nobody else is: a document changes its client when that of another is the same.
const client = 4_000_000_001

const prepared = engine => {
  if (!engine.speaksYjs) throw new Cannot('the update is in the format of Yjs')
  const base = job.base ? readFileSync(job.base) : undefined
  const update = readFileSync(job.update)
  return {
    update,
    open: options => {
      const doc = engine.open({ client, ...options })
      if (base) doc.apply(base)
      return doc
    }
  }
}

const apply = engine => {
  const { open, update } = prepared(engine)
  return () => {
    const doc = open()
    const [took] = seconds(() => doc.apply(update))
    doc.free()
    return took
  }
}

const encode = engine => {
  const { open, update } = prepared(engine)
  return () => {
    const doc = open()
    doc.apply(update)
    const [took, bytes] = seconds(() => doc.save())
    if (bytes.length < update.length) throw new Error('encode: something is lost')
    doc.free()
    return took
  }
}

const typing = engine => {
  const { open, update } = prepared(engine)
  return () => {
    let bytes = 0
    const doc = open({ listen: u => { bytes += u.length } })
    doc.apply(update)
    const [took] = seconds(() => {
      for (let i = 0; i < job.batch; i++) doc.transact(() => doc.insert(i, 'x'))
    })
    if (doc.text().length !== job.batch || bytes === 0) throw new Error('typing: wrong length')
    doc.free()
    return each(took, job.batch)
  }
}

const receiving = engine => {
  const { open, update } = prepared(engine)
  const keys = readUpdates(job.updates)
  return () => {
    const doc = open()
    doc.apply(update)
    const [took] = seconds(() => { for (const key of keys) doc.apply(key) })
    if (doc.text().length !== keys.length) throw new Error('receiving: wrong length')
    doc.free()
    return each(took, keys.length)
  }
}

export const hostile = {
  'hostile-apply': apply,
  'hostile-encode': encode,
  'hostile-typing': typing,
  'hostile-receiving': receiving
}
