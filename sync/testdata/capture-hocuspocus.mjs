// Records what real Hocuspocus providers of each major version and a server for them say to each other, as hex, one
// frame a line:
//
//   node capture-hocuspocus.mjs > hocuspocus.txt      (run it where the packages can be resolved)
//
// Each conversation begins with "# name: what happens in it". "C n" is a frame that client n sent, "S n" one that the
// server sent to client n. The server is the smallest that y-protocols alone makes, so that nothing of weft takes part.
import http from 'node:http'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import * as v2 from 'provider2'
import * as v3 from 'provider3'
import * as v4 from 'provider4'
import WebSocket, { WebSocketServer } from 'ws'
import * as sync from 'y-protocols/sync'
import * as Y from 'yjs'

const hex = bytes => Buffer.from(bytes).toString('hex')
const settle = () => new Promise(resolve => setTimeout(resolve, 150))

/** Answers as the protocol asks: a token by its scope, a step 1 by a step 1 and a step 2, an update by a status. */
const serve = async log => {
  const docs = new Map()
  const doc = address => {
    const name = address.split('\0')[0]
    if (!docs.has(name)) {
      docs.set(name, new Y.Doc())
      docs.get(name).clientID = 99
    }
    return docs.get(name)
  }
  const server = http.createServer()
  new WebSocketServer({ server }).on('connection', (socket, request) => {
    const n = new URL(request.url, 'http://x').searchParams.get('n')
    const send = (address, write) => {
      const encoder = encoding.createEncoder()
      encoding.writeVarString(encoder, address)
      write(encoder)
      const frame = encoding.toUint8Array(encoder)
      log.push(`S ${n} ${hex(frame)}`)
      socket.send(frame)
    }
    const numbers = (...list) => encoder => { for (const number of list) encoding.writeVarUint(encoder, number) }
    socket.on('message', frame => {
      frame = new Uint8Array(frame)
      log.push(`C ${n} ${hex(frame)}`)
      const decoder = decoding.createDecoder(frame)
      const address = decoding.readVarString(decoder)
      const type = decoding.readVarUint(decoder)
      if (type === 2) {
        decoding.readVarUint(decoder)
        const denied = decoding.readVarString(decoder) === 'bad'
        send(address, e => { numbers(2, denied ? 1 : 2)(e); encoding.writeVarString(e, denied ? 'no' : 'read-write') })
      }
      if (type !== 0) return
      const kind = decoding.readVarUint(decoder)
      const payload = decoding.readVarUint8Array(decoder)
      if (kind === 0) {
        send(address, e => { numbers(0)(e); sync.writeSyncStep1(e, doc(address)) })
        send(address, e => { numbers(0)(e); sync.writeSyncStep2(e, doc(address), payload) })
      } else {
        Y.applyUpdate(doc(address), payload)
        send(address, numbers(8, 1))
      }
    })
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  return { url: `ws://127.0.0.1:${server.address().port}`, close: () => server.close() }
}

const conversation = async (title, { HocuspocusProvider, HocuspocusProviderWebsocket }, act) => {
  const log = []
  const server = await serve(log)
  const sockets = []
  const socket = n => {
    const made = new HocuspocusProviderWebsocket({ url: `${server.url}?n=${n}`, WebSocketPolyfill: WebSocket })
    sockets.push(made)
    return made
  }
  const join = (websocketProvider, name, id, options = {}) => {
    const document = new Y.Doc()
    document.clientID = id
    const provider = new HocuspocusProvider({ websocketProvider, name, document, token: 'tok', broadcast: false, ...options })
    if (options.sessionAwareness) provider.sessionId = 'session'
    provider.attach?.()
    return provider
  }
  await act(socket, join)
  await settle()
  console.log(`# ${title}`)
  for (const line of log) console.log(line)
  for (const made of sockets) made.destroy()
  server.close()
}

const everything = async (socket, join) => {
  const shared = socket(1)
  const a = join(shared, 'a', 1)
  await settle()
  a.document.getText('content').insert(0, 'hi')
  await settle()
  a.setAwarenessField('user', { name: 'Ada' })
  a.sendStateless('ping')
  await settle()
  const b = join(shared, 'b/c', 2)
  await settle()
  b.destroy()
  await settle()
}

globalThis.WebSocket ??= WebSocket
for (const [version, package_] of [['2', v2], ['3', v3], ['4', v4]]) {
  await conversation(`provider ${version}: joins, edits, shows itself, sends a string, joins and leaves a second document`, package_, everything)
}
await conversation('no token: a provider of version 2 without one', v2, async (socket, join) => {
  join(socket(1), 'a', 1, { token: null })
  await settle()
})
await conversation('late token: an edit overtakes a token that takes its time', v4, async (socket, join) => {
  const provider = join(socket(1), 'a', 1, { token: () => new Promise(resolve => setTimeout(resolve, 300, 'tok')) })
  await settle()
  provider.document.getMap('m').set('k', 1)
  await new Promise(resolve => setTimeout(resolve, 400))
})
await conversation('sessions: a plain provider and one that is aware of sessions share a socket', v4, async (socket, join) => {
  const shared = socket(1)
  join(shared, 'a', 1)
  const aware = join(shared, 'a', 2, { sessionAwareness: true })
  await settle()
  aware.document.getText('content').insert(0, 'x')
  await settle()
})
await conversation('denied: a token that is refused', v4, async (socket, join) => {
  join(socket(1), 'a', 1, { token: 'bad' })
  await settle()
})
process.exit(0)
