// Clients in every dialect, by the unmodified provider of each version: y-websocket 2 and 3, Hocuspocus 2, 3 and 4, and
// @y/websocket 4, whose documents are Yjs 14's.
import { WebsocketProvider as YWebsocket4 } from '@y/websocket'
import * as Y14 from '@y/y'
import * as hocuspocus2 from 'provider2'
import * as hocuspocus3 from 'provider3'
import * as hocuspocus4 from 'provider4'
import WebSocket from 'ws'
import { WebsocketProvider as YWebsocket3 } from 'y-websocket'
import { WebsocketProvider as YWebsocket2 } from 'y-websocket2'
import * as Y from 'yjs'
import { canonicalType } from '../oracle/values.mjs'
import { roots } from './client.mjs'
import { until } from './until.mjs'

globalThis.WebSocket ??= WebSocket

export const hocuspocus = { 'hocuspocus 2': hocuspocus2, 'hocuspocus 3': hocuspocus3, 'hocuspocus 4': hocuspocus4 }
const ywebsocket = { 'y-websocket 2': YWebsocket2, 'y-websocket 3': YWebsocket3 }
const yjs14 = '@y/websocket 4'
export const everyVersion = [...Object.keys(ywebsocket), yjs14, ...Object.keys(hocuspocus)]

/** A WebSocket that counts how many are made: what a provider does when it is turned away. */
export const counted = () => {
  const counter = { made: 0 }
  counter.Socket = class extends WebSocket {
    constructor (...args) {
      super(...args)
      counter.made++
    }
  }
  return counter
}

/** What every client has, whatever its provider. */
class Editing {
  constructor (server, name, doc = new Y.Doc(), ofDoc = roots(doc)) {
    this.server = server
    this.name = name
    this.doc = doc
    this.roots = ofDoc
  }

  content () {
    return Object.values(this.roots).map(canonicalType).join('\n')
  }

  state (of) {
    return this.provider.awareness.getStates().get(of.provider.awareness.clientID)
  }
}

class InYWebsocket extends Editing {
  /** Provider is the class of a version. */
  connect (Provider, { token, Socket = WebSocket } = {}) {
    this.provider = new Provider(`${this.server.ws}/sync`, this.name, this.doc, {
      WebSocketPolyfill: Socket,
      disableBc: true,
      params: token === undefined ? {} : { token }
    })
    return this
  }

  saved () {
    return this.provider.synced
  }

  offline () {
    this.provider.disconnect()
  }

  online () {
    this.provider.connect()
  }

  close () {
    this.provider.destroy()
    this.doc.destroy()
  }
}

/**
 * A client whose document is one of Yjs 14: it has one kind of shared type, and, in later releases than the one that runs
 * here, client ids of 53 bits, so it is given one.
 */
class InYjs14 extends InYWebsocket {
  constructor (server, name) {
    const doc = new Y14.Doc()
    doc.clientID = 2 ** 52 + Math.floor(Math.random() * 2 ** 40)
    const [text, map, array] = ['text', 'map', 'array'].map((root) => doc.get(root))
    super(server, name, doc, { text, map: { set: (key, value) => map.setAttr(key, value) }, array })
  }

  // What a document of Yjs 13 makes of all that this one has.
  content () {
    const doc = new Y.Doc()
    Y.applyUpdate(doc, Y14.encodeStateAsUpdate(this.doc))
    return Object.values(roots(doc)).map(canonicalType).join('\n')
  }
}

/** A client by the provider of Hocuspocus. Several may share a socket, made by socketOf. */
class InHocuspocus extends Editing {
  constructor (version, server, name, { token = '', Socket = WebSocket, socket, ...options } = {}) {
    super(server, name)
    this.denied = []
    this.scopes = []
    this.heard = []
    this.own = socket === undefined
    this.socket = socket ?? socketOf(version, server, Socket)
    this.provider = new hocuspocus[version].HocuspocusProvider({
      websocketProvider: this.socket,
      name,
      document: this.doc,
      token,
      broadcast: false,
      onAuthenticationFailed: ({ reason }) => this.denied.push(reason),
      onAuthenticated: () => this.scopes.push(this.provider?.authorizedScope),
      onStateless: ({ payload }) => this.heard.push(payload),
      ...options
    })
    this.provider.attach?.()
  }

  // Edits from before the connection are counted, then sent behind the step 1 at which the provider counts anew: version
  // 2 ends below zero.
  saved () {
    return this.provider.isAuthenticated && this.provider.synced && this.provider.unsyncedChanges <= 0
  }

  // A provider that is told to connect before its socket has closed stays away.
  offline () {
    this.socket.disconnect()
    return until('a socket to close', () => this.socket.status === 'disconnected')
  }

  online () {
    this.socket.connect()
  }

  close () {
    this.provider.destroy()
    if (this.own) this.socket.destroy()
    this.doc.destroy()
  }
}

/** A socket that several clients of one version share. */
export const socketOf = (version, server, Socket = WebSocket) =>
  new hocuspocus[version].HocuspocusProviderWebsocket({ url: `${server.ws}/collab`, WebSocketPolyfill: Socket })

/** A client of a version. */
export const clientOf = (version, server, name, options) => {
  if (version === yjs14) return new InYjs14(server, name).connect(YWebsocket4, options)
  if (version in ywebsocket) return new InYWebsocket(server, name).connect(ywebsocket[version], options)
  return new InHocuspocus(version, server, name, options)
}

export const allSaved = (clients) => until('everything to be saved', () => clients.every((c) => c.saved()), 20000)
