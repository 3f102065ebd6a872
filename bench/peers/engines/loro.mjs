// Loro, Rust compiled to WebAssembly. It has two forms of a whole document: the snapshot, which stands where Yjs has its
// V1, and all updates, which stand where Yjs has its V2.

import { createRequire } from 'node:module'
import { join } from 'node:path'

export const connect = async folder => {
  const { LoroDoc } = createRequire(join(folder, '_'))('loro-crdt')

  class Doc {
    constructor({ client, listen } = {}) {
      this.doc = new LoroDoc()
      if (client !== undefined) this.doc.setPeerId(BigInt(client))
      if (listen) this.unlisten = this.doc.subscribeLocalUpdates(listen)
      this.body = this.doc.getText('content')
      this.items = this.doc.getList('list')
      this.entries = this.doc.getMap('map')
    }

    transact(work) {
      work()
      this.doc.commit()
    }

    insert(index, s) { this.body.insert(index, s) }
    remove(index, n) { this.body.delete(index, n) }
    text() { return this.body.toString() }
    push(index, values) { values.forEach((value, i) => { this.items.insert(index + i, value) }) }
    list() { return this.items.toJSON() }
    set(key, value) { this.entries.set(key, value) }
    get(key) { return this.entries.get(key) }

    apply(update) { this.doc.import(update) }
    applyAll(updates) { this.doc.importBatch(updates) }
    save() { return this.doc.export({ mode: 'snapshot' }) }
    saveV2() { return this.doc.export({ mode: 'update' }) }

    free() {
      this.unlisten?.()
      for (const held of [this.body, this.items, this.entries, this.doc]) held.free()
    }
  }

  const load = (bytes, options) => {
    const doc = new Doc(options)
    doc.apply(bytes)
    return doc
  }
  const serve = updates => {
    let bytes = 0
    const doc = new Doc()
    let known = doc.doc.version()
    for (const update of updates) {
      doc.apply(update)
      bytes += doc.doc.export({ mode: 'update', from: known }).length
      known.free()
      known = doc.doc.version()
      bytes += known.encode().length
    }
    return [doc, bytes]
  }
  return { open: options => new Doc(options), load, loadV2: load, serve }
}
