// Yjs: the package that the web app uses, its build as an ES module, as bundlers take it. Its CommonJS build reaches
// every function of lib0 through a getter and is several times slower.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

export const connect = async (folder, root) => {
  const home = join(folder, 'yjs')
  const manifest = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'))
  const Y = await import(pathToFileURL(join(home, manifest.module)).href)

  class Doc {
    constructor({ client, listen } = {}) {
      this.doc = new Y.Doc()
      if (client !== undefined) this.doc.clientID = client
      if (listen) this.doc.on('update', listen)
    }

    // The types are declared when they are first used: a server's document declares none.
    get body() { return (this.lastBody ??= this.doc.getText(root)) }
    get items() { return (this.lastItems ??= this.doc.getArray('list')) }
    get entries() { return (this.lastEntries ??= this.doc.getMap('map')) }

    transact(work) { this.doc.transact(work) }
    insert(index, s) { this.body.insert(index, s) }
    remove(index, n) { this.body.delete(index, n) }
    text() { return this.body.toString() }
    push(index, values) { this.items.insert(index, values) }
    list() { return this.items.toJSON() }
    set(key, value) { this.entries.set(key, value) }
    get(key) { return this.entries.get(key) }

    apply(update) { Y.applyUpdate(this.doc, update) }
    applyAll(updates) { this.doc.transact(() => { for (const u of updates) Y.applyUpdate(this.doc, u) }) }
    applyV2(update) { Y.applyUpdateV2(this.doc, update) }
    save() { return Y.encodeStateAsUpdate(this.doc) }
    saveV2() { return Y.encodeStateAsUpdateV2(this.doc) }
    vector() { return Y.encodeStateVector(this.doc) }
    free() { this.doc.destroy() }
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
  // A server's whole step: apply, the new state vector, and what to send on, which comes through the listener.
  const serve = updates => {
    let bytes = 0
    const doc = new Doc({ listen: update => { bytes += update.length } })
    for (const update of updates) {
      doc.apply(update)
      bytes += doc.vector().length
    }
    return [doc, bytes]
  }
  return {
    speaksYjs: true, open: options => new Doc(options), load, loadV2, serve,
    merge: Y.mergeUpdates, diff: Y.diffUpdate, vectorOf: Y.encodeStateVectorFromUpdate
  }
}
