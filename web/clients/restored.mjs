// A backup that is restored under clients that are ahead of it: every version of every provider edits, is cut off, and comes
// back by itself to a server on an older copy of the document.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { agree } from './client.mjs'
import { allSaved, clientOf, everyVersion } from './providers.mjs'
import { until } from './until.mjs'
import { binary, weft } from './weft.mjs'

const run = promisify(execFile)

/** Types marks that are there once each, everywhere in the text. Resolves with them. */
const type = async (clients, when) => {
  const marks = []
  for (let n = 0; n < 10; n++) {
    for (const [i, { roots }] of clients.entries()) {
      const mark = `<${when} ${i} ${n}>`
      roots.text.insert(0, mark) // nothing is written into another mark
      roots.map.set(`${i} ${n % 3}`, mark)
      roots.array.insert(0, [mark])
      marks.push(mark)
    }
    await new Promise((next) => setTimeout(next, 5))
  }
  return marks
}

export const restored = async () => {
  const server = weft('--admin', '127.0.0.1:0')
  const folder = mkdtempSync(join(tmpdir(), 'weft-backup-'))
  await server.start()
  const clients = everyVersion.map((version) => clientOf(version, server, 'restored'))
  try {
    await allSaved(clients)
    const marks = await type(clients, 'before')
    await agree(clients)
    const typing = type(clients, 'meanwhile')
    const [, admin] = /admin on (\S+)/.exec(server.log)
    await run(binary(), ['backup', '--admin', admin, join(folder, 'backup')])
    marks.push(...(await typing), ...(await type(clients, 'after')))
    await allSaved(clients)
    await server.kill()
    marks.push(...(await type(clients, 'offline')))

    const before = server.data
    server.data = join(folder, 'data')
    await run(binary(), ['restore', '--data', server.data, join(folder, 'backup')])
    rmSync(before, { recursive: true, force: true })
    await server.start()
    await until('everybody to be back', () => clients.every((c) => c.saved()), 60000)
    marks.push(...(await type(clients, 'restored')))
    await agree(clients, 60000)

    const text = clients[0].roots.text.toString()
    const once = (list, what) => {
      assert.deepEqual(list.toSorted(), marks.toSorted(), `${what} holds everything once`)
    }
    once(text.match(/<[^>]*>/g), 'the text')
    assert.equal(text.length, marks.join('').length)
    once(clients[0].roots.array.toArray(), 'the array')
    await allSaved(clients)
    return marks.length
  } finally {
    for (const c of clients) c.close()
    const end = await server.stop()
    rmSync(folder, { recursive: true, force: true })
    assert.equal(end.code, 0, `stopped with ${JSON.stringify(end)}:\n${server.log}`)
  }
}
