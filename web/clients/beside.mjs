// Hocuspocus's own server, as the benchmarks start it, for the kill campaign: what the same script finds there.
import { fileURLToPath } from 'node:url'
import { clientOf } from './providers.mjs'
import { until } from './until.mjs'
import { Server } from './weft.mjs'

const script = fileURLToPath(new URL('../../bench/servers/hocuspocus.mjs', import.meta.url))

/** A server of @hocuspocus/server with its SQLite extension, not started yet. It has no REST: a provider asks it. */
export const hocuspocusServer = () => {
  const server = new Server((port, data) => [process.execPath, script, '--port', String(port), '--data', data])
  server.document = async (name) => {
    const asking = clientOf('hocuspocus 4', server, name)
    await until(`${name} to come`, () => asking.saved(), 20000)
    asking.provider.destroy()
    asking.socket.destroy()
    return asking.doc
  }
  return server
}
