// The proxies that operators are told to use, with the files they are told to use, between real clients and the binary.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { Client } from './client.mjs'
import { allSaved, clientOf, everyVersion } from './providers.mjs'
import { Caddy, Nginx } from './proxy.mjs'
import { Stream } from './stream.mjs'
import { until } from './until.mjs'
import { binary, Server } from './weft.mjs'

const secret = 'a secret that has more than 32 bytes, for HS256'

/** A token for documents. */
const token = (docs) => {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claims = { sub: 'ada', aud: 'notes', exp: Math.floor(Date.now() / 1000) + 3600, weft: { docs } }
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
}

/** A weft for others, as behind a proxy, not started yet. */
const guarded = () => {
  const key = JSON.stringify({ kty: 'oct', alg: 'HS256', k: Buffer.from(secret).toString('base64url') })
  const flags = ['--jwt-key', key, '--jwt-audience', 'notes', '--origin', 'self', '--proxy', '127.0.0.1/32', '--drain', '300ms']
  return new Server((port, data) => [binary(), 'serve', '--addr', `127.0.0.1:${port}`, '--data', data, ...flags])
}

/** Says which of the programs is not there, if one is not. */
const missing = (...programs) => {
  const there = (program) => {
    try {
      execFileSync(program, ['version'], { stdio: 'pipe' })
      return true
    } catch (e) {
      return e.code !== 'ENOENT'
    }
  }
  const lacking = programs.find((program) => !there(program))
  return lacking === undefined ? false : `${lacking} is not installed`
}

const behind = (Kind) =>
  describe(`behind ${Kind.name}`, { concurrency: 1, timeout: 120000, skip: missing(...Kind.programs) }, () => {
    const server = guarded()
    const tokens = { good: token({ 'team/*': 'write' }), bearer: token({ 'team/*': 'read' }), bad: `${token({ '*': 'write' })}x` }
    const name = 'team/plan of all'
    const view = `/view/team/plan%20of%20all?root=text&token=${tokens.good}`
    const opened = []
    let proxy

    before(async () => {
      await server.start()
      proxy = new Kind(server.port)
      await proxy.start()
    })
    after(async () => {
      for (const o of opened) o.close()
      const ends = [await server.stop(), await proxy?.stop()]
      assert.deepEqual(ends.map((end) => end?.code), [0, 0], `${server.log}\n${proxy?.log}`)
    })

    const client = (version, key = tokens.good) => {
      const c = clientOf(version, proxy, name, { token: key, Socket: proxy.Socket })
      opened.push(c)
      return c
    }
    const stream = (path) => {
      const s = new Stream(proxy, path)
      opened.push(s)
      return s
    }
    const agree = (clients, text) =>
      until(`all to have ${JSON.stringify(text)}`, () => clients.every((c) => c.content() === clients[0].content() && c.content().includes(text)))

    test('editors of both dialects agree, readers see each word at once, and come back by themselves', async () => {
      const clients = everyVersion.map((version) => client(version))
      const inHeader = new Client(proxy, name, { WebSocketPolyfill: proxy.Socket, protocols: ['weft', `token.${tokens.good}`] })
      opened.push(inHeader)
      await allSaved(clients)
      await inHeader.synced()
      clients.push(Object.assign(inHeader, { saved: () => inHeader.provider.synced }))
      for (const [i, c] of clients.entries()) {
        c.roots.text.insert(0, `<${i}>`)
        await agree(clients, `<${i}>`)
      }

      // One word makes an event that is shorter than any buffer, and the next beat is seconds away.
      const reader = stream(view)
      await until('the reader to have the whole', () => reader.text === clients[0].roots.text.toString())
      for (let i = 0; i < 3; i++) {
        clients[i].roots.text.insert(0, `<word ${i}>`)
        await until(`the reader to see word ${i}`, () => reader.text.startsWith(`<word ${i}>`), 4000)
      }
      assert.deepEqual([reader.requests, reader.gaveUp], [1, null], 'one stream brought all of it')
      await agree(clients, '<word 2>')

      // A slash in a name stays as it is: another path would be another document, or none.
      const path = `/api/documents/${encodeURIComponent(name)}`
      const answer = await proxy.fetch(`${path}?root=text`, { accept: 'text/plain', authorization: `Bearer ${tokens.bearer}` })
      assert.deepEqual([answer.status, String(answer.body)], [200, reader.text])

      // A stop and a start.
      const told = new Map() // the first end of each: who is back at once meets a server that goes
      for (const c of [clients[0], inHeader]) {
        c.provider.on('connection-close', (event) => event && !told.has(c) && told.set(c, `${event.code} ${event.reason}`))
      }
      assert.equal((await server.halt()).code, 0)
      await until('the reason to reach the clients', () => told.size === 2)
      for (const end of told.values()) assert.match(end, /^1012 the server (restarts|is going down)$/)
      const meanwhile = await proxy.fetch(view, { accept: 'text/event-stream', origin: proxy.http })
      assert.deepEqual([meanwhile.status, String(meanwhile.body)], [200, 'retry: 2000\n\n'])
      assert.match(meanwhile.headers['content-type'], /^text\/event-stream/)
      assert.equal(meanwhile.headers['access-control-allow-origin'], '*')
      assert.equal((await proxy.fetch('/readyz')).status, 502, 'whoever watches over it is told the truth')
      for (const [i, c] of clients.entries()) c.roots.text.insert(0, `<away ${i}>`)
      await until('the reader to have asked in vain', () => reader.inVain > 0)
      await server.start()
      await until('everybody to be back', () => clients.every((c) => c.saved()), 30000)
      for (const i of clients.keys()) await agree(clients, `<away ${i}>`)
      await until('the reader to be back', () => reader.text === clients[0].roots.text.toString())
      assert.equal(reader.gaveUp, null)
      assert.deepEqual(reader.names.filter((n) => n !== 'splice'), ['whole'], 'it resumed where it was')

      // Killed: the streams end in the middle.
      await server.kill()
      clients[0].roots.text.insert(0, '<after all>')
      await until('the reader to have asked in vain', () => reader.inVain > 1)
      await server.start()
      await until('the reader to have what was typed', () => reader.text.startsWith('<after all>'), 30000)
    })

    test('whoever is turned away is told why', async () => {
      const why = 'the signature does not fit the HS256 key'
      const denied = []
      const ywebsocket = client('y-websocket 3', tokens.bad)
      ywebsocket.provider.on('connection-close', (event) => event && denied.push([event.code, event.reason]))
      await until('a reason to reach y-websocket', () => denied.length > 0)
      assert.deepEqual(denied[0], [4401, why])
      const hocuspocus = client('hocuspocus 4', tokens.bad)
      await until('a reason to reach Hocuspocus', () => hocuspocus.denied.length > 0)
      assert.equal(hocuspocus.denied[0], why)
      const refused = await proxy.fetch(`/view/elsewhere?token=${tokens.good}`, { accept: 'text/event-stream' })
      assert.match(String(refused.body), /event: refused\ndata: .*"code":4403,.*"retry":false/)
    })

    test('no token is in the logs', async () => {
      const log = await until('the log to have all that was asked for', () => {
        const written = proxy.logs()
        return ['/sync/', '/collab', '/view/', '/api/documents/'].every((path) => written.includes(path)) && written
      })
      for (const [kind, text] of Object.entries(tokens)) {
        for (const part of text.split('.').slice(1)) assert.ok(!log.includes(part.slice(0, 24)), `a part of the ${kind} token is in the log`)
      }
    })
  })

export const proxied = () =>
  describe('with the files of server/deploy', { concurrency: true }, () => {
    behind(Nginx)
    behind(Caddy)
  })
