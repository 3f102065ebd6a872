// Awareness: it appears, changes, and disappears with the connection and with silence.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as decoding from 'lib0/decoding'
import { Client, Raw } from './client.mjs'
import { until } from './until.mjs'

const state = (observer, of) => observer.provider.awareness.getStates().get(of.doc.clientID)

const pair = async (server, name, run) => {
  const clients = [new Client(server, name), new Client(server, name)]
  try {
    await Promise.all(clients.map((c) => c.synced()))
    await run(...clients)
  } finally {
    for (const c of clients) c.close()
  }
}

// The awareness entries of a frame: [client, clock, state], nothing for other frames.
const entries = (frame) => {
  const decoder = decoding.createDecoder(frame)
  if (typeof frame === 'string' || decoding.readVarUint(decoder) !== 1) return []
  const inner = decoding.createDecoder(decoding.readVarUint8Array(decoder))
  const out = []
  for (let n = decoding.readVarUint(inner); n > 0; n--) {
    out.push([decoding.readVarUint(inner), decoding.readVarUint(inner), JSON.parse(decoding.readVarString(inner))])
  }
  return out
}

export const presence = (server) =>
  describe('presence', { concurrency: true }, () => {
    test('a state appears, changes, and goes when its client disconnects', () =>
      pair(server, 'presence', async (a, b) => {
        a.provider.awareness.setLocalState({ user: { name: 'Ada' } })
        await until('the state to appear', () => state(b, a)?.user?.name === 'Ada')
        a.provider.awareness.setLocalStateField('cursor', { at: 3 })
        await until('the state to change', () => state(b, a)?.cursor?.at === 3)
        b.provider.awareness.setLocalStateField('user', { name: 'Bob' })
        await until('the other state to appear', () => state(a, b)?.user?.name === 'Bob')
        a.offline()
        await until('the state to go', () => state(b, a) === undefined)
        await a.online()
        a.provider.awareness.setLocalState({ user: { name: 'Ada again' } })
        await until('the state to come back', () => state(b, a)?.user?.name === 'Ada again')
      }))

    test('a state goes when the connection breaks without a word', () =>
      pair(server, 'broken', async (a, b) => {
        a.provider.awareness.setLocalState({ user: 'gone soon' })
        await until('the state to appear', () => state(b, a)?.user === 'gone soon')
        a.provider.shouldConnect = false
        a.provider.ws.terminate()
        await until('the state to go', () => state(b, a) === undefined)
      }))

    test('who comes late sees who is there', () =>
      pair(server, 'late presence', async (a, b) => {
        a.provider.awareness.setLocalState({ user: 'early' })
        await until('the state to appear', () => state(b, a)?.user === 'early')
        const late = new Client(server, 'late presence')
        try {
          await until('the late one to see it', () => state(late, a)?.user === 'early')
        } finally {
          late.close()
        }
      }))

    test('a client that reconnects under the same id is seen at once', () =>
      pair(server, 'same id', async (a, b) => {
        a.provider.awareness.setLocalState({ n: 0 })
        for (let n = 1; n < 6; n++) {
          a.offline()
          await a.online()
          a.provider.awareness.setLocalState({ n })
          await until(`state ${n} to be seen`, () => state(b, a)?.n === n)
        }
      }))

    test('a state goes by silence although the connection stays', { timeout: 90000 }, () =>
      pair(server, 'silence', async (a, b) => {
        const watcher = new Raw(server, '/sync/silence')
        try {
          await watcher.open()
          a.provider.awareness.setLocalState({ user: 'silent' })
          await until('the state to appear', () => state(b, a)?.user === 'silent')
          const since = Date.now()
          clearInterval(a.provider.awareness._checkInterval)
          clearInterval(b.provider.awareness._checkInterval) // or b would drop it by itself
          const id = a.doc.clientID
          const removed = () => watcher.frames.some((f) => entries(f).some(([client, , s]) => client === id && s === null))
          await until('the server to take the state back', removed, 60000)
          assert.ok(Date.now() - since > 25000, `it went after ${Date.now() - since} ms`)
          await until('the other to hear of it', () => state(b, a) === undefined)
          assert.ok(a.provider.wsconnected, 'the connection stays')
        } finally {
          watcher.close()
        }
      }))
  })
