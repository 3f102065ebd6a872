// Replays a history in real Yjs and stores the update of each transaction, in the format of Go's package updates.

import { writeFileSync, renameSync } from 'node:fs'
import { check, edit, job, open, readTrace, ROOT, say, Y } from './job.mjs'

const uint32 = n => {
  const b = Buffer.alloc(4)
  b.writeUInt32LE(n)
  return b
}

const trace = readTrace()
const chunks = []
let count = 0
const keep = update => {
  chunks.push(uint32(update.length), Buffer.from(update))
  count++
}

// The start of the history is no transaction of it, but a server receives it all the same.
const doc = open({ ...trace, start: '' })
doc.on('update', keep)
const text = doc.getText(ROOT)
if (trace.start !== '') text.insert(0, trace.start)
for (const patches of trace.txns) edit(doc, text, patches)
check(trace, text.toString(), 'local replay')

writeFileSync(job.out + '.part', Buffer.concat([Buffer.from('weft updates 1\n'), uint32(count), ...chunks]))
renameSync(job.out + '.part', job.out)
say({ done: count })
