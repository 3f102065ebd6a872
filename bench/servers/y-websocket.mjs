// Starts @y/websocket-server on a free loopback port, its documents kept in LevelDB by y-leveldb.
// usage: node y-websocket.mjs --port N --data FOLDER
import http from 'node:http'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { setPersistence, setupWSConnection } from '@y/websocket-server/utils'
import ws from 'ws'
import { LeveldbPersistence } from 'y-leveldb'
import * as Y from 'yjs'

const { values } = parseArgs({ options: { port: { type: 'string', default: '0' }, data: { type: 'string' } } })

const kept = new LeveldbPersistence(join(values.data, 'documents'))
setPersistence({
  provider: kept,
  bindState: async (name, doc) => {
    const stored = await kept.getYDoc(name)
    const news = Y.encodeStateAsUpdate(doc, Y.encodeStateVector(stored))
    if (news.length > 2) kept.storeUpdate(name, news)
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(stored))
    doc.on('update', (update) => kept.storeUpdate(name, update))
  },
  writeState: async (name) => {
    await kept.flushDocument(name)
  },
})

const sockets = new ws.Server({ noServer: true })
sockets.on('connection', setupWSConnection)
const server = http.createServer((_, response) => response.end('okay'))
server.on('upgrade', (request, socket, head) => {
  sockets.handleUpgrade(request, socket, head, (socket) => sockets.emit('connection', socket, request))
})
server.listen(Number(values.port), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}/`)
})

process.on('SIGTERM', async () => {
  await kept.destroy()
  process.exit(0)
})
