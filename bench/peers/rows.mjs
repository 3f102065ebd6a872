// The rows on histories and documents, the same work as Go's package engine does. Each function prepares a row for an
// engine and returns what measures it once.

import { Cannot, each, grown, job, need, random, same, seconds } from './job.mjs'
import { readHistory, receive, replay, updatesOf, wholeOf } from './history.mjs'

// Times what gives a document, and then checks its text.
const timed = (want, name, work) => {
  const [took, doc] = seconds(work)
  same(doc.text(), want, name)
  doc.free()
  return took
}

const local = engine => {
  const history = readHistory(engine)
  return () => timed(history.end, 'local', () => replay(engine, history))
}

const localUpdate = engine => {
  const history = readHistory(engine)
  return () => {
    let bytes = 0
    const took = timed(history.end, 'local', () => replay(engine, history, { listen: update => { bytes += update.length } }))
    if (bytes === 0) throw new Error('no updates were seen')
    return took
  }
}

const remote = engine => {
  const history = readHistory(engine)
  const updates = updatesOf(engine, history)
  return () => timed(history.end, 'remote', () => receive(engine, updates))
}

const serve = engine => {
  need(engine, 'serve')
  const history = readHistory(engine)
  const updates = updatesOf(engine, history)
  return () => timed(history.end, 'remote', () => {
    const [doc, bytes] = engine.serve(updates)
    if (bytes === 0) throw new Error('nothing to send on')
    return doc
  })
}

const load = (loader, form) => engine => {
  need(engine, loader)
  const whole = wholeOf(engine)
  if (!whole[form]) throw new Cannot('it has one format only')
  return () => {
    const [took, doc] = seconds(() => {
      const loaded = engine[loader](whole[form])
      loaded.text()
      return loaded
    })
    same(doc.text(), whole.text, 'load')
    doc.free()
    return took
  }
}

// The document was never encoded before, so that no cache can help; again says that it was, and has not changed.
const encode = (saver, form, again) => engine => {
  const whole = wholeOf(engine)
  if (!whole[form]) throw new Cannot('it has one format only')
  return () => {
    const doc = engine.load(whole.first)
    need(doc, saver)
    if (again) doc[saver]()
    const [took, bytes] = seconds(() => doc[saver]())
    if (bytes.length === 0 || (engine.speaksYjs && bytes.length !== whole[form].length)) throw new Error('encode: another length')
    doc.free()
    return took
  }
}

// Without a document where the engine knows how, else through one.
const merge = count => engine => {
  const some = updatesOf(engine, readHistory(engine)).slice(0, count(job))
  if (some.length === 0) throw new Error('there are no updates')
  const through = () => {
    const doc = engine.open()
    if (doc.applyAll) doc.applyAll(some)
    else for (const update of some) doc.apply(update)
    const bytes = doc.save()
    doc.free()
    return bytes
  }
  return () => {
    const [took, bytes] = seconds(engine.merge ? () => engine.merge(some) : through)
    if (bytes.length === 0) throw new Error('merge: nothing')
    return took
  }
}

const diff = engine => {
  need(engine, 'diff')
  const { first } = wholeOf(engine)
  const updates = updatesOf(engine, readHistory(engine))
  const half = receive(engine, updates.slice(0, Math.floor(updates.length / 2)))
  const vector = half.vector()
  return () => {
    const [took, bytes] = seconds(() => engine.diff(first, vector))
    if (bytes.length === 0 || bytes.length >= first.length) throw new Error('diff: wrong length')
    return took
  }
}

const vectorOf = engine => {
  need(engine, 'vectorOf')
  const { first } = wholeOf(engine)
  return () => {
    const [took, bytes] = seconds(() => engine.vectorOf(first))
    if (bytes.length < 3) throw new Error('state vector: too short')
    return took
  }
}

const memoryLoaded = engine => {
  const { first, text } = wholeOf(engine)
  const loaded = () => {
    const doc = engine.load(first)
    same(doc.text(), text, 'load')
    return doc
  }
  return () => grown(loaded)
}

const memoryLived = engine => {
  const updates = updatesOf(engine, readHistory(engine))
  return () => grown(() => receive(engine, updates))
}

const ignore = () => {}

const randomInsert = engine => {
  const doc = engine.open({ client: 1, listen: ignore })
  const next = random(1)
  let length = 0
  const insert = n => {
    for (let i = 0; i < n; i++) {
      const at = next(length + 1)
      doc.transact(() => doc.insert(at, 'x'))
      length++
    }
  }
  insert(job.items)
  return () => {
    const [took] = seconds(() => insert(job.batch))
    if (doc.text().length !== length) throw new Error('random insert: wrong length')
    return each(took, job.batch)
  }
}

const prepend = engine => () => {
  const doc = engine.open({ client: 1, listen: ignore })
  const [took] = seconds(() => {
    for (let i = 0; i < job.items; i++) doc.transact(() => doc.insert(0, 'x'))
  })
  if (doc.text().length !== job.items) throw new Error('prepend: wrong length')
  doc.free()
  return each(took, job.items)
}

const mapSet = engine => {
  const changes = []
  for (let client = 1; client <= job.clients; client++) {
    const one = engine.open({ client, listen: update => { changes.push(update) } })
    need(one, 'set')
    one.transact(() => one.set('k' + client, client))
    one.free()
  }
  let bytes = 0
  const doc = engine.open({ client: job.clients + 1, listen: update => { bytes += update.length } })
  for (const update of changes) doc.apply(update)
  return () => {
    const [took] = seconds(() => {
      for (let i = 0; i < job.batch; i++) doc.transact(() => doc.set('x', i))
    })
    if (doc.get('x') !== job.batch - 1 || bytes === 0) throw new Error('map set: wrong value')
    return each(took, job.batch)
  }
}

export const rows = {
  local,
  'local-update': localUpdate,
  remote,
  'remote-serve': serve,
  load: load('load', 'first'),
  'load-v2': load('loadV2', 'second'),
  encode: encode('save', 'first'),
  'encode-v2': encode('saveV2', 'second'),
  'encode-again': encode('save', 'first', true),
  merge: merge(({ merge: n }) => n),
  'merge-all': merge(() => Infinity),
  diff,
  'vector-of-update': vectorOf,
  'memory-loaded': memoryLoaded,
  'memory-lived': memoryLived,
  'random-insert': randomInsert,
  prepend,
  'map-set': mapSet
}
