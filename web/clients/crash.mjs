// npm run crash -- [--rounds 50] [--seed N] [--dialect ywebsocket|hocuspocus] [--control] [--beside]: kills the server while real clients type, again and again, and
// looks for what was acknowledged and is gone. Ends with 1 if anything is, or, with --control, if nothing is. With --beside
// it does that to Hocuspocus's own server (make bench-servers), to say how much is gone there.
import { parseArgs } from 'node:util'
import { campaign } from './campaign.mjs'
import { hocuspocusServer } from './beside.mjs'
import { relay } from './relay.mjs'
import { weft } from './weft.mjs'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: process.env.WEFT_CRASH_ROUNDS ?? '50' },
    seed: { type: 'string', default: process.env.WEFT_CRASH_SEED ?? '0' },
    dialect: { type: 'string', default: 'ywebsocket' },
    control: { type: 'boolean', default: false },
    beside: { type: 'boolean', default: false }
  }
})

const rounds = Number(values.rounds)
const seed = Number(values.seed) || Date.now() % 2 ** 31
console.log(`${rounds} rounds, seed ${seed}, ${values.dialect}${values.control ? ', control' : ''}${values.beside ? ', Hocuspocus itself' : ''}`)
const started = Date.now()
const result = await campaign({
  server: values.beside ? hocuspocusServer() : values.control ? relay() : weft(),
  rounds,
  seed,
  dialect: values.beside ? 'hocuspocus' : values.dialect,
  report: ({ round, acknowledged, lost }) => {
    if (round % 10 === 0 || round === rounds) console.log(`round ${round}: ${acknowledged} updates acknowledged, ${lost} lost`)
  }
})
for (const words of result.lost.slice(0, 20)) console.log(`lost: ${words}`)
console.log(`${result.rounds} rounds in ${Math.round((Date.now() - started) / 1000)} s: ${result.acknowledged} updates acknowledged, ${result.lost.length} lost`)
const failed = values.beside ? false : values.control ? result.lost.length === 0 : result.lost.length > 0 || result.acknowledged === 0
process.exit(failed ? 1 : 0)
