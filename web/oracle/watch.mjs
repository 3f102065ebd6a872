// Writes down, line by line, all that a document tells of its transactions: the phases, the events of every root and of
// what lies in it, the updates and the subdocuments. Both sides of the oracle write the same lines in the same order.
import * as Y from 'yjs'
import { rootOf } from './ops.mjs'
import { canonical, canonicalType } from './values.mjs'

const phases = [
  'beforeAllTransactions',
  'beforeTransaction',
  'beforeObserverCalls',
  'afterTransaction',
  'afterTransactionCleanup',
  'afterAllTransactions'
]

const hex = (bytes) => Buffer.from(bytes).toString('hex')

const originText = (origin) =>
  origin === null ? '-' : origin instanceof Y.UndoManager ? 'undo' : typeof origin === 'symbol' ? origin.description : String(origin)

const who = (tr) => `${tr.local ? 'local' : 'foreign'} ${originText(tr.origin)}`

const byUnits = (a, b) => (a < b ? -1 : a > b ? 1 : 0)

const keysText = (event) =>
  [...event.keys]
    .sort((a, b) => byUnits(a[0], b[0]))
    .map(([key, { action, oldValue }]) => `${JSON.stringify(key)} ${action}${action === 'add' ? '' : ` ${canonical(oldValue)}`}`)
    .join(', ')

const sortedAttributes = (o) =>
  `{${Object.keys(o)
    .sort(byUnits)
    .map((k) => `${JSON.stringify(k)}:${canonical(o[k])}`)
    .join(',')}}`

const opText = (op) => {
  const attributes = op.attributes ? sortedAttributes(op.attributes) : ''
  if (op.retain !== undefined) return `retain ${op.retain}${attributes}`
  if (op.delete !== undefined) return `delete ${op.delete}`
  return `insert ${canonical(op.insert)}${attributes}`
}

const eventText = (event) =>
  `[${event.path.map((p) => JSON.stringify(p)).join(' ')}] keys ${keysText(event)}; delta ${event.delta.map(opText).join(', ')}; now ${canonicalType(event.target)}`

const guids = (set) => [...set].map((doc) => doc.guid).join(' ')

/** Watches a document and its roots; lines are pushed to log as they come up. */
export const watch = (doc, roots, log) => {
  for (const phase of phases) {
    doc.on(phase, (a, b) => {
      const tr = phase === 'beforeAllTransactions' ? null : phase === 'afterAllTransactions' ? b[0] : a
      log.push(tr ? `${phase} ${who(tr)}` : phase)
    })
  }
  doc.on('update', (update, _origin, _doc, tr) => log.push(`update ${who(tr)} ${hex(update)}`))
  doc.on('updateV2', (update, _origin, _doc, tr) => log.push(`updateV2 ${who(tr)} ${hex(update)}`))
  doc.on('subdocs', ({ added, removed, loaded }) =>
    log.push(`subdocs added ${guids(added)}; removed ${guids(removed)}; loaded ${guids(loaded)}`)
  )
  for (const name of roots) {
    const root = rootOf(doc, name)
    root.observe((event, tr) => log.push(`${name}: ${who(tr)} ${eventText(event)}`))
    root.observeDeep((events, tr) => {
      for (const event of events) log.push(`${name} deep: ${who(tr)} ${eventText(event)}`)
    })
  }
}

/** Lets a document answer every change from elsewhere with an edit of its own, made by an observer. */
export const react = (doc, roots) => {
  let n = 0
  for (const name of roots) {
    const root = rootOf(doc, name)
    root.observeDeep((_events, tr) => {
      if (tr.local) return
      n++
      doc.transact(() => {
        if (name[0] === 't') root.insert(Math.min(n % 5, root.length), `r${n}`, n % 2 ? { b: true } : undefined)
        else if (name[0] === 'a') root.push([n])
        else if (name[0] === 'm') root.set('k', n)
        else if (root.length > 0 && n % 3 === 0) root.delete(0, 1)
      }, 'react')
    })
  }
}
