// Real clients of both dialects against the real binary: WEFT_BIN, or one that is built now.
import { after, before, describe, test } from 'node:test'
import assert from 'node:assert/strict'
import { campaign } from './campaign.mjs'
import { editing } from './editing.mjs'
import { frames } from './frames.mjs'
import { hocuspocus } from './hocuspocus.mjs'
import { presence } from './presence.mjs'
import { proxied } from './proxied.mjs'
import { relay } from './relay.mjs'
import { restored } from './restored.mjs'
import { weft } from './weft.mjs'

describe('weft with real clients', { concurrency: true, timeout: 240000 }, () => {
  const server = weft()
  before(() => server.start())
  after(async () => {
    const end = await server.stop()
    assert.equal(end.code, 0, `stopped with ${JSON.stringify(end)}:\n${server.log}`)
  })
  editing(server)
  presence(server)
  frames(server)
  hocuspocus(server)
})

test('a backup restored under providers of every version loses and doubles nothing', { timeout: 240000 }, restored)

proxied()

const seed = Number(process.env.WEFT_CRASH_SEED ?? Date.now() % 2 ** 31)

describe('killed while clients type', { timeout: 240000 }, () => {
  for (const dialect of ['ywebsocket', 'hocuspocus']) {
    test(`4 rounds of weft lose nothing (${dialect}, seed ${seed})`, async () => {
      const result = await campaign({ server: weft(), rounds: 4, seed, dialect })
      assert.equal(result.lost.length, 0, JSON.stringify(result, null, 1))
      assert.ok(result.acknowledged > 0, 'nothing was acknowledged')
    })

    test(`the control, which acknowledges before it stores, loses (${dialect})`, async () => {
      const result = await campaign({ server: relay(), rounds: 4, seed, dialect })
      assert.ok(result.lost.length > 0, 'a server that stores late was not found out')
    })
  }
})
