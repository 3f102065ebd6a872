// Frames that no client sends: each is answered by a close with a code and a reason, and nobody else notices.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import * as encoding from 'lib0/encoding'
import { Client, Raw, agree, endOfUpgrade } from './client.mjs'
import { until } from './until.mjs'

const frame = (...parts) => {
  const encoder = encoding.createEncoder()
  for (const part of parts) {
    if (typeof part === 'number') encoding.writeVarUint(encoder, part)
    else encoding.writeVarUint8Array(encoder, part)
  }
  return encoding.toUint8Array(encoder)
}

const bytes = (...list) => new Uint8Array(list)
const update = (u) => frame(0, 2, u)

const malformed = JSON.parse(readFileSync(new URL('../../crdt/testdata/fixtures/malformed.json', import.meta.url)))
  .filter((row) => row.update !== undefined)
  .map((row) => [`update: ${row.name}`, update(new Uint8Array(Buffer.from(row.update, 'hex')))])

const bad = [
  ['text', 'hello'],
  ['no bytes', bytes()],
  ['unknown type', bytes(99, 1, 2, 3)],
  ['type beyond 2^53', bytes(255, 255, 255, 255, 255, 255, 255, 255, 255, 1)],
  ['sync without a kind', bytes(0)],
  ['unknown kind of sync', bytes(0, 7, 0)],
  ['step 1 cut off', bytes(0, 0, 5, 1)],
  ['step 1 that is no state vector', frame(0, 0, bytes(200, 1, 1))],
  ['step 2 cut off', bytes(0, 1, 200, 0)],
  ['update of no bytes', frame(0, 2, bytes())],
  ['update with bytes behind', bytes(0, 2, 2, 0, 0, 9)],
  ['awareness cut off', bytes(1, 9, 1)],
  ['awareness of garbage', frame(1, bytes(1, 1, 1, 1, 255))],
  ['awareness that is no JSON', frame(1, bytes(1, 1, 1, 2, 123, 123))],
  ...malformed
]

const names = ['', '/', 'a//b', '../x', 'a/../b', './x', 'a/.', `${'n'.repeat(256)}`, 'a%00b', 'a%0Ab', 'bad%FFutf8', 'a/']

export const frames = (server) =>
  describe('bad frames', { concurrency: 8 }, () => {
    for (const [i, [name, data]] of bad.entries()) {
      test(name, async () => {
        const room = `bad-${i}`
        const client = new Client(server, room)
        const raw = new Raw(server, `/sync/${room}`)
        try {
          await client.synced()
          client.roots.text.insert(0, 'untouched')
          await agree([client])
          const connection = client.provider.ws
          await raw.open()
          raw.send(frame(0, 0, bytes(0)))
          await until('an answer before', () => raw.frames.length > 0)
          raw.send(data)
          const { code, reason } = await raw.end()
          assert.ok(code >= 4400 && code < 4500, `closed with ${code} ${reason}`)
          assert.ok(reason.length > 0 && Buffer.byteLength(reason) <= 123, `reason of ${reason.length} characters`)
          client.roots.text.insert(9, ' and going on')
          await agree([client])
          assert.equal(client.roots.text.toString(), 'untouched and going on')
          assert.equal(client.provider.ws, connection, 'the other client kept its connection')
        } finally {
          raw.close()
          client.close()
        }
      })
    }

    for (const name of names) {
      test(`document named ${JSON.stringify(name).slice(0, 40)}`, async () => {
        const end = await endOfUpgrade(server, `/sync/${name}`)
        const refused = (end.code >= 4400 && end.code < 4500 && end.reason !== '') || (end.status >= 400 && end.status < 500)
        assert.ok(refused, `ended with ${JSON.stringify(end)}`)
      })
    }

    test('a question for awareness is answered', async () => {
      const client = new Client(server, 'asked')
      const raw = new Raw(server, '/sync/asked')
      try {
        await client.synced()
        client.provider.awareness.setLocalState({ here: true })
        await raw.open()
        raw.send(bytes(3))
        await until('an awareness frame', () => raw.frames.some((f) => f[0] === 1 && Buffer.from(f).includes('here')))
      } finally {
        raw.close()
        client.close()
      }
    })

    test('one message beyond the limit is refused with 4413', async () => {
      const raw = new Raw(server, '/sync/large')
      try {
        await raw.open()
        raw.send(new Uint8Array(33 * 1024 * 1024))
        assert.equal((await raw.end()).code, 4413)
      } finally {
        raw.close()
      }
    })
  })
