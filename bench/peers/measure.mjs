// Measures one engine on one row: a process of its own, so that nothing suffers from what another row left behind.
// It says { timing } and { timed } around each measurement, and at the end { values }, { cannot } or { error }, then
// { done }.

import { Cannot, job, say } from './job.mjs'
import { hostile } from './hostile.mjs'
import { rows } from './rows.mjs'
import { scripts } from './scripts.mjs'

const repeat = (work, { least, seconds, most, enough }) => {
  const values = []
  const start = performance.now()
  const spent = () => (performance.now() - start) / 1000
  while (values.length === 0 || (spent() < enough && (values.length < least || (values.length < most && spent() < seconds)))) {
    values.push(work())
  }
  return values
}

try {
  const prepare = { ...rows, ...scripts, ...hostile }[job.row]
  if (!prepare) throw new Cannot('the row is our own')
  const { connect } = await import(`./engines/${job.engine}.mjs`)
  const work = prepare(await connect(job.folder, job.root ?? 'content'))
  say({ values: repeat(work, job.repeat) })
} catch (error) {
  say({ [error instanceof Cannot ? 'cannot' : 'error']: String(error?.message ?? error) })
}
say({ done: 1 })
