// Automerge, Rust compiled to WebAssembly. Its objects are made by operations, so every document begins from one that
// has them, the same one in every process: what follows names it by its hash, in which the time is.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

export const connect = async folder => {
  const home = join(folder, '@automerge', 'automerge')
  const manifest = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'))
  const A = await import(pathToFileURL(join(home, manifest.exports['.'].node.import)).href)

  const actor = client => client.toString(16).padStart(16, '0')
  const seed = A.save(A.change(A.init({ actor: actor(100_001) }), { time: 0 }, draft => {
    Object.assign(draft, { content: '', list: [], map: {} })
  }))

  class Doc {
    constructor({ client = 0, listen, bytes = seed } = {}) {
      this.doc = A.load(bytes, { actor: actor(100_002 + client) })
      this.listen = listen
    }

    transact(work) {
      this.doc = A.change(this.doc, { time: 0 }, draft => {
        this.draft = draft
        work()
      })
      this.draft = undefined
      if (this.listen) {
        const change = A.getLastLocalChange(this.doc)
        if (change) this.listen(change)
      }
    }

    insert(index, s) { A.splice(this.draft, ['content'], index, 0, s) }
    remove(index, n) { A.splice(this.draft, ['content'], index, n) }
    text() { return this.doc.content }
    push(index, values) { A.insertAt(this.draft.list, index, ...values) }
    list() { return A.toJS(this.doc).list }
    set(key, value) { this.draft.map[key] = value }
    get(key) { return this.doc.map[key] }

    apply(update) { [this.doc] = A.applyChanges(this.doc, [update]) }
    applyAll(updates) { [this.doc] = A.applyChanges(this.doc, updates) }
    save() { return A.save(this.doc) }
    free() { A.free(this.doc) }
  }

  const serve = updates => {
    let bytes = 0
    const doc = new Doc()
    for (const update of updates) {
      const known = A.getHeads(doc.doc)
      doc.apply(update)
      bytes += A.saveSince(doc.doc, known).length + A.getHeads(doc.doc).length
    }
    return [doc, bytes]
  }
  return { open: options => new Doc(options), load: (bytes, options) => new Doc({ ...options, bytes }), serve }
}
