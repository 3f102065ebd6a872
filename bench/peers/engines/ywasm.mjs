// ywasm: yrs, the port of Yjs to Rust, compiled to WebAssembly.

import { createRequire } from 'node:module'
import { join } from 'node:path'

export const connect = async (folder, root) => {
  const Y = createRequire(join(folder, '_'))('ywasm')

  class Doc {
    constructor({ client, listen } = {}) {
      this.doc = new Y.YDoc(client === undefined ? {} : { clientID: client })
      if (listen) this.observer = this.doc.onUpdate(listen)
    }

    get body() { return (this.lastBody ??= this.doc.getText(root)) }
    get items() { return (this.lastItems ??= this.doc.getArray('list')) }
    get entries() { return (this.lastEntries ??= this.doc.getMap('map')) }

    // A type cannot be declared while a transaction is open, so all are before the first.
    declare() {
      this.declared = [this.body, this.items, this.entries]
    }

    transact(work) {
      if (!this.declared) this.declare()
      this.tx = this.doc.beginTransaction(undefined)
      try {
        work()
      } finally {
        this.tx.free()
        this.tx = undefined
      }
    }

    insert(index, s) { this.body.insert(index, s, undefined, this.tx) }
    remove(index, n) { this.body.delete(index, n, this.tx) }
    text() { return this.body.toString(undefined) }
    push(index, values) { this.items.insert(index, values, this.tx) }
    list() { return this.items.toJson(undefined) }
    set(key, value) { this.entries.set(key, value, this.tx) }
    get(key) { return this.entries.get(key, undefined) }

    apply(update) { Y.applyUpdate(this.doc, update, undefined) }
    applyV2(update) { Y.applyUpdateV2(this.doc, update, undefined) }
    save() { return Y.encodeStateAsUpdate(this.doc, undefined) }
    saveV2() { return Y.encodeStateAsUpdateV2(this.doc, undefined) }
    vector() { return Y.encodeStateVector(this.doc) }

    free() {
      for (const held of [this.lastBody, this.lastItems, this.lastEntries, this.observer, this.doc]) held?.free()
    }
  }

  const load = (bytes, options) => {
    const doc = new Doc(options)
    doc.apply(bytes)
    return doc
  }
  const loadV2 = (bytes, options) => {
    const doc = new Doc(options)
    doc.applyV2(bytes)
    return doc
  }
  const serve = updates => {
    let bytes = 0
    const doc = new Doc({ listen: update => { bytes += update.length } })
    for (const update of updates) {
      doc.apply(update)
      bytes += doc.vector().length
    }
    return [doc, bytes]
  }
  return { speaksYjs: true, open: options => new Doc(options), load, loadV2, serve }
}
