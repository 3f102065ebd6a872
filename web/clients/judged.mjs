// Real providers in front of an Authorizer. The server and its disk are held by the Go test that runs this: a line that
// begins with ">" is a command to it, which it answers with a line when it is done. Tokens are the names of levels.
import assert from 'node:assert/strict'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { allSaved, clientOf, counted, everyVersion, hocuspocus } from './providers.mjs'
import { until } from './until.mjs'

const { values } = parseArgs({ options: { url: { type: 'string' }, 'knock-seconds': { type: 'string', default: '15' } } })
const knockSeconds = Number(values['knock-seconds'])
const server = { ws: values.url.replace('http', 'ws').replace(/\/$/, ''), http: values.url }
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const command = async (words) => {
  console.log(`> ${words}`)
  return (await answers.next()).value
}
const pause = (ms) => new Promise((done) => setTimeout(done, ms))

const closing = async (clients, run) => {
  try {
    await run(...clients)
  } finally {
    for (const c of clients) c.close()
  }
}

// How often a refused client of a version connects in a time at most. Versions that come back whatever the code are closed
// once, and then kept for two minutes each time.
const mostKnocks = (version, seconds) => (/^(y-websocket 2|@y.websocket 4)$/.test(version) ? 2 + Math.floor(seconds / 120) : 1)

const tests = {
  'a refused client knocks once and stays on the line': async () => {
    const counters = Object.fromEntries(everyVersion.map((v) => [v, counted()]))
    const clients = everyVersion.map((v) => clientOf(v, server, `refused ${v}`, { token: 'bad', Socket: counters[v].Socket }))
    await closing(clients, async () => {
      await pause(knockSeconds * 1000)
      const made = Object.fromEntries(everyVersion.map((v) => [v, counters[v].made]))
      console.log(`connections of a refused client in ${knockSeconds} s: ${JSON.stringify(made)}`)
      for (const v of everyVersion) assert.ok(made[v] <= mostKnocks(v, knockSeconds), `${v}: ${made[v]} connections in ${knockSeconds} s`)
      for (const c of clients.filter((c) => c.denied)) assert.deepEqual(c.denied, ['no such token'])
    })
  },

  'unsyncedChanges is 0 only after the disk': async () => {
    for (const v of Object.keys(hocuspocus)) {
      await closing([clientOf(v, server, `disk ${v}`, { token: 'write' })], async (c) => {
        await allSaved([c])
        c.roots.text.insert(0, 'before ')
        await allSaved([c])
        await command('hold')
        c.roots.text.insert(0, 'while the disk is held ')
        await pause(700)
        assert.ok(c.provider.unsyncedChanges > 0, `${v} says saved while the disk is held`)
        await command('release')
        await allSaved([c])
      })
    }
  },

  'a reader reads, and what it types is not saved until it may': async () => {
    for (const v of Object.keys(hocuspocus)) {
      const name = `reader ${v}`
      const [writer, reader] = [clientOf(v, server, name, { token: 'write' }), clientOf(v, server, name, { token: 'read' })]
      await closing([writer, reader], async () => {
        await allSaved([writer, reader])
        writer.roots.text.insert(0, 'seen')
        await until('the reader to see it', () => reader.roots.text.toString() === 'seen')
        assert.equal(reader.provider.authorizedScope, 'readonly')
        reader.roots.map.set('mine', 1)
        await pause(300)
        assert.ok(reader.provider.unsyncedChanges > 0, `${v}: a reader's change counts as saved`)
        assert.equal(writer.roots.map.get('mine'), undefined)
        reader.provider.configuration.token = 'write'
        if (reader.provider.sendToken === undefined) return // version 2 has no word for that
        await reader.provider.sendToken()
        await until('the change to arrive', () => writer.roots.map.get('mine') === 1)
        await allSaved([reader])
        assert.equal(reader.provider.authorizedScope, 'read-write')
      })
    }
  },

  'an expiring token is asked for again, and the client goes on': async () => {
    for (const v of ['hocuspocus 3', 'hocuspocus 4']) {
      let asked = 0
      const c = clientOf(v, server, `renewed ${v}`, { token: () => (asked++ === 0 ? 'short' : 'write') })
      await closing([c], async () => {
        await allSaved([c])
        await until('the token to be asked for', () => asked === 2, 5000)
        await pause(3500)
        c.roots.text.insert(0, 'still here')
        await allSaved([c])
        assert.deepEqual(c.denied, [])
      })
    }
  },

  'an expired token ends the document in every version': async () => {
    const counters = everyVersion.map(counted)
    const clients = everyVersion.map((v, i) => clientOf(v, server, `expired ${v}`, { token: 'short', Socket: counters[i].Socket }))
    await closing(clients, async () => {
      await allSaved(clients)
      const closed = clients.map((c) => c.denied ? null : new Promise((done) => c.provider.once('connection-close', done)))
      await Promise.all(closed)
      await until('all to be refused', () => clients.every((c) => !c.denied || c.denied.length === 1), 8000)
      await pause(3000)
      const made = Object.fromEntries(everyVersion.map((v, i) => [v, counters[i].made]))
      console.log(`connections of a client whose token expired: ${JSON.stringify(made)}`)
      for (const v of everyVersion) assert.ok(made[v] <= mostKnocks(v, 3), `${v}: ${made[v]} connections`)
    })
  },

  'a lowered right acts within two seconds in every version': async () => {
    const clients = everyVersion.map((v) => clientOf(v, server, `lowered ${v}`, { token: 'fading' }))
    const witnesses = everyVersion.map((v) => clientOf('y-websocket 3', server, `lowered ${v}`, { token: 'write' }))
    await closing([...clients, ...witnesses], async () => {
      await allSaved([...clients, ...witnesses])
      for (const c of clients) c.provider.awareness.setLocalState({ user: 'seen' })
      await until('all to be seen', () => clients.every((c, i) => witnesses[i].state(c)?.user === 'seen'))
      const since = Date.now()
      await command('lower')
      await until('all to be seen no more', () => clients.every((c, i) => witnesses[i].state(c) === undefined))
      assert.ok(Date.now() - since < 2000, `it took ${Date.now() - since} ms`)
      for (const c of clients) c.roots.text.insert(0, 'not any more')
      await pause(500)
      assert.deepEqual(witnesses.map((w) => w.roots.text.toString()), witnesses.map(() => ''))
    })
  },

  'a kicked user is out within two seconds in every version': async () => {
    const clients = everyVersion.map((v) => clientOf(v, server, `kicked ${v}`, { token: 'write' }))
    await closing(clients, async () => {
      await allSaved(clients)
      const since = Date.now()
      const closed = clients.map((c) => c.denied ? null : new Promise((done) => c.provider.once('connection-close', done)))
      await command('kick')
      await Promise.all(closed)
      await until('all to be out', () => clients.every((c) => !c.denied || c.denied.length === 1))
      assert.ok(Date.now() - since < 2000, `it took ${Date.now() - since} ms`)
    })
  }
}

let failed = 0
for (const [name, run] of Object.entries(tests)) {
  try {
    await run()
    console.log(`ok: ${name}`)
  } catch (error) {
    failed++
    console.log(`failed: ${name}: ${error.stack}`)
  }
}
process.exit(failed === 0 ? 0 : 1)
