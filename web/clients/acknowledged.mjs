// What a client was told is safe, in each dialect: in y-websocket whatever the server sends, in Hocuspocus the update
// that a sync status answers. The server answers each update and step 2 with one, in order, so that the first that is
// not answered yet is meant.
import * as decoding from 'lib0/decoding'
import WebSocket from 'ws'
import { Client } from './client.mjs'
import { clientOf } from './providers.mjs'
import { until } from './until.mjs'

const inYWebsocket = (server, name, note) => {
  const client = new Client(server, name, { maxBackoffTime: 100 })
  client.provider.on('status', ({ status }) => {
    if (status !== 'connected') return
    client.provider.ws.addEventListener('message', ({ data }) => {
      const decoder = decoding.createDecoder(new Uint8Array(data))
      if (decoding.readVarUint(decoder) !== 0) return
      const kind = decoding.readVarUint(decoder)
      if (kind === 1 || kind === 2) note(decoding.readVarUint8Array(decoder))
    })
  })
  client.connected = () => client.provider.wsconnected
  client.back = () => client.provider.connect()
  return client
}

const inHocuspocus = (server, name, note) => {
  class Socket extends WebSocket {
    constructor (...args) {
      super(...args)
      this.unanswered = []
      this.on('message', (data) => {
        const decoder = decoding.createDecoder(new Uint8Array(data))
        if (data.length < 3) return
        decoding.readVarString(decoder)
        if (decoding.readVarUint(decoder) !== 8) return
        const update = this.unanswered.shift()
        if (decoding.readVarUint(decoder) === 1) note(update)
      })
    }

    send (frame) {
      super.send(frame)
      const decoder = decoding.createDecoder(frame)
      if (frame.length < 3) return
      decoding.readVarString(decoder)
      if (decoding.readVarUint(decoder) === 0 && decoding.readVarUint(decoder) !== 0) {
        this.unanswered.push(decoding.readVarUint8Array(decoder))
      }
    }
  }
  const client = clientOf('hocuspocus 4', server, name, { Socket })
  Object.assign(client.socket.configuration, { delay: 50, minDelay: 20, maxDelay: 200 })
  client.synced = () => until(`a client of ${name} to sync`, () => client.saved())
  client.connected = () => client.socket.status === 'connected'
  client.back = () => client.online()
  return client
}

/** Makes a client of a document in a dialect. note is called with every update that it was told is safe. */
export const listening = { ywebsocket: inYWebsocket, hocuspocus: inHocuspocus }
