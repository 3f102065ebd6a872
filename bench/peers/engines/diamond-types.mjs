// diamond-types, Rust compiled to WebAssembly: one plain text, whose positions count code points.

import { createRequire } from 'node:module'
import { join } from 'node:path'

export const connect = async folder => {
  const { Doc: Text } = createRequire(join(folder, '_'))('diamond-types-node')

  const agent = client => `agent${client ?? ''}`

  class Doc {
    constructor({ client, listen, bytes } = {}) {
      this.doc = bytes ? Text.fromBytes(bytes, agent(client)) : new Text(agent(client))
      this.listen = listen
      if (listen) this.known = this.doc.getLocalVersion()
    }

    transact(work) {
      work()
      if (!this.listen) return
      this.listen(this.doc.getPatchSince(this.known))
      this.known = this.doc.getLocalVersion()
    }

    insert(index, s) { this.doc.ins(index, s) }
    remove(index, n) { this.doc.del(index, n) }
    text() { return this.doc.get() }
    apply(update) { this.doc.merge(this.doc.mergeBytes(update)) }
    save() { return this.doc.toBytes() }
    free() { this.doc.free() }
  }

  return { codePoints: true, open: options => new Doc(options), load: (bytes, options) => new Doc({ ...options, bytes }) }
}
