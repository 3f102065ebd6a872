// Records what real y-websocket providers and a server for them say to each other, as hex, one frame a line:
//
//   node capture.mjs > conversations.txt        (run it where yjs, y-websocket and ws can be resolved)
//
// Each conversation begins with "# name: what happens in it". "C n" is a frame that client n sent, "S n" one that the
// server sent to client n. The server is the smallest that y-protocols alone makes, so that nothing of weft takes part.
import http from 'node:http'
import * as Y from 'yjs'
import { WebsocketProvider } from 'y-websocket'
import * as sync from 'y-protocols/sync'
import * as awareness from 'y-protocols/awareness'
import * as encoding from 'lib0/encoding'
import * as decoding from 'lib0/decoding'
import WebSocket, { WebSocketServer } from 'ws'

const hex = bytes => Buffer.from(bytes).toString('hex')
const settle = () => new Promise(resolve => setTimeout(resolve, 150))

/** A relay of y-protocols: Step1 on connect, Step2 to Step1, updates and awareness to everybody. */
const serve = async log => {
  const doc = new Y.Doc()
  doc.clientID = 99
  const present = new awareness.Awareness(doc)
  present.setLocalState(null)
  const sockets = new Map()
  const send = (socket, write) => {
    const encoder = encoding.createEncoder()
    write(encoder)
    const frame = encoding.toUint8Array(encoder)
    log.push(`S ${sockets.get(socket)} ${hex(frame)}`)
    socket.send(frame)
  }
  const broadcast = write => { for (const socket of sockets.keys()) send(socket, write) }
  doc.on('update', update => broadcast(e => { encoding.writeVarUint(e, 0); sync.writeUpdate(e, update) }))
  present.on('update', ({ added, updated, removed }) => broadcast(e => {
    encoding.writeVarUint(e, 1)
    encoding.writeVarUint8Array(e, awareness.encodeAwarenessUpdate(present, [...added, ...updated, ...removed]))
  }))
  const server = http.createServer()
  new WebSocketServer({ server }).on('connection', (socket, request) => {
    sockets.set(socket, new URL(request.url, 'http://x').searchParams.get('n'))
    socket.on('close', () => sockets.delete(socket))
    socket.on('message', frame => {
      frame = new Uint8Array(frame)
      log.push(`C ${sockets.get(socket)} ${hex(frame)}`)
      const decoder = decoding.createDecoder(frame)
      const type = decoding.readVarUint(decoder)
      if (type === 1) awareness.applyAwarenessUpdate(present, decoding.readVarUint8Array(decoder), socket)
      if (type !== 0) return
      const answer = encoding.createEncoder()
      encoding.writeVarUint(answer, 0)
      sync.readSyncMessage(decoder, answer, doc, socket)
      if (encoding.length(answer) > 1) send(socket, e => encoding.writeUint8Array(e, encoding.toUint8Array(answer)))
    })
    send(socket, e => { encoding.writeVarUint(e, 0); sync.writeSyncStep1(e, doc) })
    if (present.getStates().size > 0) {
      send(socket, e => {
        encoding.writeVarUint(e, 1)
        encoding.writeVarUint8Array(e, awareness.encodeAwarenessUpdate(present, [...present.getStates().keys()]))
      })
    }
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  return { url: `ws://127.0.0.1:${server.address().port}`, close: () => server.close() }
}

const conversation = async (title, act) => {
  const log = []
  const server = await serve(log)
  const providers = []
  const join = (n, doc = new Y.Doc()) => {
    doc.clientID = n
    const provider = new WebsocketProvider(server.url, 'd', doc, { WebSocketPolyfill: WebSocket, disableBc: true, params: { n: String(n) } })
    providers.push(provider)
    return { doc, provider }
  }
  await act(join)
  await settle()
  console.log(`# ${title}`)
  for (const line of log) console.log(line)
  for (const provider of providers) provider.destroy()
  server.close()
}

await conversation('join: a client joins an empty document', async join => { join(1); await settle() })
await conversation('edit: two clients, one types, the other sees it and answers', async join => {
  const a = join(1); await settle()
  const b = join(2); await settle()
  a.doc.getText('content').insert(0, 'hé😀'); await settle()
  b.doc.getText('content').delete(0, 1); await settle()
})
await conversation('late: a client with content of its own joins a document that has some', async join => {
  const a = join(1); await settle()
  a.doc.getMap('m').set('k', [1, true, null]); await settle()
  const mine = new Y.Doc()
  mine.clientID = 3
  mine.getArray('a').insert(0, ['x'])
  join(3, mine); await settle()
})
await conversation('presence: cursors appear, move and go', async join => {
  const a = join(1); const b = join(2); await settle()
  a.provider.awareness.setLocalStateField('user', { name: 'Ada' }); await settle()
  b.provider.awareness.setLocalStateField('cursor', 4); await settle()
  a.provider.awareness.setLocalState(null); await settle()
})
await conversation('reconnect: a client edits while away and comes back', async join => {
  const a = join(1); await settle()
  a.provider.disconnect(); await settle()
  a.doc.getText('content').insert(0, 'away')
  a.provider.connect(); await settle()
})
process.exit(0)
