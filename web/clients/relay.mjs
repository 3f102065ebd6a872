// The control of the kill campaign: a server that echoes an update as soon as it has applied it and stores its
// documents now and then. Run by itself it is that server; imported it gives a way to start it.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { WebSocketServer } from 'ws'
import * as sync from 'y-protocols/sync'
import * as Y from 'yjs'
import { Server } from './weft.mjs'

const self = fileURLToPath(import.meta.url)

/** The control server, not started yet. */
export const relay = () => new Server((port, data) => [process.execPath, self, String(port), data])

const serve = (port, data) => {
  const rooms = new Map()
  const file = (name) => join(data, `${Buffer.from(name).toString('hex')}.yjs`)

  const room = (name) => {
    if (!rooms.has(name)) {
      const doc = new Y.Doc()
      if (existsSync(file(name))) Y.applyUpdate(doc, readFileSync(file(name)))
      const sockets = new Set()
      doc.on('update', (update) => {
        const encoder = encoding.createEncoder()
        encoding.writeVarUint(encoder, 0)
        sync.writeUpdate(encoder, update)
        for (const socket of sockets) socket.send(encoding.toUint8Array(encoder))
      })
      rooms.set(name, { doc, sockets })
    }
    return rooms.get(name)
  }

  setInterval(() => {
    for (const [name, { doc }] of rooms) {
      writeFileSync(`${file(name)}.new`, Y.encodeStateAsUpdate(doc))
      renameSync(`${file(name)}.new`, file(name))
    }
  }, 400)

  const http = createServer((request, response) => {
    const name = decodeURIComponent(request.url.replace('/api/documents/', ''))
    response.end(Buffer.from(Y.encodeStateAsUpdate(room(name).doc)))
  })
  // The Hocuspocus dialect: a status as soon as an update is applied, for the clients that count those.
  const collab = (socket) => {
    const answer = (address, write) => {
      const encoder = encoding.createEncoder()
      encoding.writeVarString(encoder, address)
      write(encoder)
      socket.send(encoding.toUint8Array(encoder))
    }
    const numbers = (...list) => (e) => list.forEach((n) => encoding.writeVarUint(e, n))
    const heard = new Map()
    socket.on('close', () => heard.forEach((stop) => stop()))
    socket.on('message', (data) => {
      const decoder = decoding.createDecoder(new Uint8Array(data))
      const address = decoding.readVarString(decoder)
      const { doc } = room(address)
      const type = decoding.readVarUint(decoder)
      if (type === 2) answer(address, (e) => { numbers(2, 2)(e); encoding.writeVarString(e, 'read-write') })
      if (type !== 0) return
      const kind = decoding.readVarUint(decoder)
      const payload = decoding.readVarUint8Array(decoder)
      if (kind !== 0) {
        Y.applyUpdate(doc, payload, socket)
        answer(address, numbers(8, 1))
        return
      }
      answer(address, (e) => { numbers(0)(e); sync.writeSyncStep1(e, doc) })
      answer(address, (e) => { numbers(0)(e); sync.writeSyncStep2(e, doc, payload) })
      if (heard.has(address)) return
      const tell = (update, origin) => {
        if (origin !== socket) answer(address, (e) => { numbers(0)(e); sync.writeUpdate(e, update) })
      }
      doc.on('update', tell)
      heard.set(address, () => doc.off('update', tell))
    })
  }

  new WebSocketServer({ server: http }).on('connection', (socket, request) => {
    if (request.url.startsWith('/collab')) return collab(socket)
    const { doc, sockets } = room(decodeURIComponent(request.url.replace('/sync/', '')))
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('message', (data) => {
      const decoder = decoding.createDecoder(new Uint8Array(data))
      if (decoding.readVarUint(decoder) !== 0) return
      const encoder = encoding.createEncoder()
      encoding.writeVarUint(encoder, 0)
      sync.readSyncMessage(decoder, encoder, doc, socket)
      if (encoding.length(encoder) > 1) socket.send(encoding.toUint8Array(encoder))
    })
  })
  http.listen(port, '127.0.0.1', () => console.log(`listening on http://127.0.0.1:${http.address().port}/`))
}

if (process.argv[1] === self) serve(Number(process.argv[2]), process.argv[3])
