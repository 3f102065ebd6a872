// Starts @hocuspocus/server with its SQLite extension, as its documentation does, on a free loopback port.
// usage: node hocuspocus.mjs --port N --data FOLDER
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { SQLite } from '@hocuspocus/extension-sqlite'
import { Server } from '@hocuspocus/server'

const { values } = parseArgs({ options: { port: { type: 'string', default: '0' }, data: { type: 'string' } } })

const server = new Server({
  address: '127.0.0.1',
  port: Number(values.port),
  quiet: true,
  extensions: [new SQLite({ database: join(values.data, 'documents.sqlite') })],
})
await server.listen()
console.log(`listening on http://127.0.0.1:${server.address.port}/`)

process.on('SIGTERM', async () => {
  await server.destroy()
  process.exit(0)
})
