// json-joy's JSON CRDT. Its objects are made by operations, so every document begins from one that has them.

import { createRequire } from 'node:module'
import { join } from 'node:path'

export const connect = async folder => {
  const { Model, Patch } = createRequire(join(folder, '_'))('json-joy/lib/json-crdt')

  const first = Model.create(undefined, 100_001)
  first.api.root({ content: '', list: [], map: {} })
  const seed = first.toBinary()

  class Doc {
    constructor({ client, listen, bytes = seed } = {}) {
      this.model = Model.load(bytes, 100_002 + (client ?? 0))
      this.listen = listen
    }

    get body() { return (this.lastBody ??= this.model.api.str(['content'])) }
    get items() { return (this.lastItems ??= this.model.api.arr(['list'])) }
    get entries() { return (this.lastEntries ??= this.model.api.obj(['map'])) }

    transact(work) {
      work()
      const patch = this.model.api.flush()
      if (this.listen && patch.ops.length > 0) this.listen(patch.toBinary())
    }

    insert(index, s) { this.body.ins(index, s) }
    remove(index, n) { this.body.del(index, n) }
    text() { return this.body.view() }
    push(index, values) { this.items.ins(index, values) }
    list() { return this.items.view() }
    set(key, value) { this.entries.set({ [key]: value }) }
    get(key) { return this.entries.view()[key] }

    apply(update) { this.model.applyPatch(Patch.fromBinary(update)) }
    save() { return this.model.toBinary() }
    free() {}
  }

  return { open: options => new Doc(options), load: (bytes, options) => new Doc({ ...options, bytes }) }
}
