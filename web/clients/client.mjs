// Clients of a document: the unmodified y-websocket provider on a real Yjs document, and a bare WebSocket.
import { request } from 'node:http'
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { canonicalType, jsonText } from '../oracle/values.mjs'
import { until } from './until.mjs'

// The provider asks the global WebSocket for the constants of its states when it resyncs by interval.
globalThis.WebSocket ??= WebSocket

/** The roots that every client of these tests edits. */
export const roots = (doc) => ({
  text: doc.getText('text'),
  map: doc.getMap('map'),
  array: doc.getArray('array'),
  xml: doc.getXmlFragment('xml')
})

/** A client of a document. options are those of the provider. */
export class Client {
  constructor (server, name, options = {}) {
    this.server = server
    this.name = name
    this.doc = new Y.Doc()
    this.roots = roots(this.doc)
    this.provider = new WebsocketProvider(`${server.ws}/sync`, name, this.doc, {
      WebSocketPolyfill: WebSocket,
      disableBc: true,
      maxBackoffTime: 300,
      ...options
    })
  }

  synced () {
    return until(`a client of ${this.name} to sync`, () => this.provider.synced)
  }

  offline () {
    this.provider.disconnect()
  }

  async online () {
    this.provider.connect()
    await this.synced()
  }

  /** All that the document holds, as text. */
  content () {
    return Object.values(this.roots).map(canonicalType).join('\n')
  }

  json () {
    return Object.fromEntries(Object.entries(this.roots).map(([name, root]) => [name, JSON.parse(jsonText(root.toJSON()))]))
  }

  close () {
    this.provider.destroy()
    this.doc.destroy()
  }
}

/** The path of a document in the REST interface. */
export const documentURL = (server, name) => `${server.http}/api/documents/${encodeURIComponent(name)}`

/** The document as the server gives it away: a Yjs document made of the V1 update. */
export const fetchDocument = async (server, name) => {
  const answer = await fetch(documentURL(server, name), { headers: { accept: 'application/octet-stream' } })
  if (!answer.ok) throw new Error(`GET ${name}: ${answer.status} ${await answer.text()}`)
  const doc = new Y.Doc()
  Y.applyUpdate(doc, new Uint8Array(await answer.arrayBuffer()))
  return doc
}

/** Waits until all clients hold the same, and the server gives away just that, as an update and as JSON. */
export const agree = async (clients, deadline = 30000) => {
  const { server, name } = clients[0]
  await until(
    `${clients.length} clients of ${name} to agree`,
    () => clients.every((c) => c.content() === clients[0].content()),
    deadline
  )
  await until(
    `the server to hold what the clients of ${name} do`,
    async () => {
      const doc = await fetchDocument(server, name)
      const same = Object.values(roots(doc)).map(canonicalType).join('\n') === clients[0].content()
      doc.destroy()
      return same
    },
    deadline
  )
}

/**
 * Upgrades to a WebSocket on exactly the path given, which no URL parser has tidied up, and resolves with how the server
 * ended it: {code, reason} of its close frame, or {status} where it refused the upgrade.
 */
export const endOfUpgrade = (server, path) =>
  new Promise((done, fail) => {
    const headers = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'd2VmdCBpcyBhIHdvcmQuLg==' }
    const asked = request({ host: '127.0.0.1', port: server.port, path, headers })
    asked.setTimeout(20000, () => fail(new Error(`no answer to an upgrade on ${path}`)))
    asked.on('error', fail)
    asked.on('response', (answer) => {
      answer.resume()
      done({ status: answer.statusCode })
    })
    asked.on('upgrade', (_, socket, head) => {
      let all = head
      socket.on('error', () => {})
      socket.on('data', (chunk) => {
        all = Buffer.concat([all, chunk])
      })
      socket.on('close', () => {
        const at = all.indexOf(0x88)
        if (at < 0) done({ reason: '', bytes: all.length })
        else done({ code: all.readUInt16BE(at + 2), reason: all.subarray(at + 4, at + 2 + all[at + 1]).toString() })
      })
      setTimeout(() => socket.destroy(), 10000).unref()
    })
    asked.end()
  })

/** A bare WebSocket to a document: what it received, and how it was closed. */
export class Raw {
  constructor (server, path) {
    this.frames = []
    this.closed = null
    this.ws = new WebSocket(server.ws + path, { perMessageDeflate: false })
    this.ws.binaryType = 'arraybuffer'
    this.ws.on('message', (data, isBinary) => this.frames.push(isBinary ? new Uint8Array(data) : String(data)))
    this.ws.on('close', (code, reason) => {
      this.closed = { code, reason: String(reason) }
    })
    this.ws.on('error', (error) => {
      this.error = error
    })
  }

  open () {
    return until('a raw socket to open', () => this.ws.readyState === WebSocket.OPEN)
  }

  send (data) {
    this.ws.send(data)
  }

  end () {
    return until('a raw socket to be closed by the server', () => this.closed, 20000)
  }

  close () {
    this.ws.terminate()
  }
}
