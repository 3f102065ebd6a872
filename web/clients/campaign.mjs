// The kill campaign: real clients type, the server is killed at a random moment and started again on the same data, and
// before any client may bring back what it remembers, the server is asked what it has. What a client was told (the echo
// of its own update, the update of another, a sync status) is noted here, outside the server, and has to be there.
import * as Y from 'yjs'
import { random } from '../fixtures/world.mjs'
import { listening } from './acknowledged.mjs'
import { fetchDocument } from './client.mjs'
import { until } from './until.mjs'

/** What clients were told about one document: how far each client's operations, and which deletions. */
class Notes {
  constructor () {
    this.clocks = new Map()
    this.deletes = []
    this.updates = 0
  }

  note (update) {
    const { structs, ds } = Y.decodeUpdate(update)
    for (const { id, length } of structs) {
      this.clocks.set(id.client, Math.max(this.clocks.get(id.client) ?? 0, id.clock + length))
    }
    for (const [client, ranges] of ds.clients) {
      for (const { clock, len } of ranges) this.deletes.push([client, clock, len])
    }
    this.updates++
  }

  /** What a document lacks of what was told, in words. */
  missing (doc) {
    const lost = []
    for (const [client, clock] of this.clocks) {
      const has = Y.getState(doc.store, client)
      if (has < clock) lost.push(`operations ${has} to ${clock} of client ${client}`)
    }
    const deleted = Y.createDeleteSetFromStructStore(doc.store)
    for (const [client, clock, len] of this.deletes) {
      for (let i = clock; i < clock + len; i++) {
        if (!Y.isDeleted(deleted, Y.createID(client, i))) lost.push(`deletion of ${client}:${i}`)
      }
    }
    return lost
  }
}

const type = (client, r) => {
  const { text, map, array } = client.roots
  const what = r.below(10)
  if (what < 6) text.insert(r.below(text.length + 1), `${r.below(1000)} `)
  else if (what < 8 && text.length > 3) text.delete(r.below(text.length - 3), 1 + r.below(3))
  else if (what < 9) map.set(`k${r.below(5)}`, r.below(1000))
  else array.insert(0, [r.below(1000)])
}

/**
 * Runs rounds of typing and killing on a server that is not started yet, and stops it in the end.
 * Resolves with {rounds, acknowledged: updates noted, lost: [words]}.
 */
export const campaign = async ({ server, rounds, seed, dialect = 'ywebsocket', documents = 3, clients = 2, report = () => {} }) => {
  const r = random(seed)
  const notes = Array.from({ length: documents }, () => new Notes())
  const lost = []
  await server.start()
  const everyone = notes.flatMap((note, i) =>
    Array.from({ length: clients }, () => listening[dialect](server, `crash ${i}`, (update) => note.note(update)))
  )
  try {
    for (let round = 1; round <= rounds; round++) {
      await Promise.all(everyone.map((c) => c.synced()))
      await typeAndKill(server, everyone, r)
      await server.start()
      for (const [i, note] of notes.entries()) {
        const doc = await (server.document ?? ((name) => fetchDocument(server, name)))(`crash ${i}`)
        for (const words of note.missing(doc)) lost.push(`round ${round}, document ${i}: ${words}`)
        doc.destroy()
      }
      report({ round, acknowledged: acknowledged(notes), lost: lost.length })
      for (const c of everyone) c.back()
    }
    await Promise.all(everyone.map((c) => c.synced()))
  } finally {
    for (const c of everyone) c.close()
    await server.stop()
  }
  return { rounds, seed, acknowledged: acknowledged(notes), lost }
}

const acknowledged = (notes) => notes.reduce((sum, n) => sum + n.updates, 0)

const typeAndKill = async (server, everyone, r) => {
  const timers = everyone.map((c) => setInterval(() => type(c, r), 2 + r.below(12)))
  await new Promise((next) => setTimeout(next, 50 + r.below(900)))
  await server.kill()
  for (const timer of timers) clearInterval(timer)
  // What the kernel still holds for the clients is read before the sockets report their end.
  await until('all clients to see the end', () => everyone.every((c) => !c.connected()))
  await Promise.all(everyone.map((c) => c.offline()))
}
