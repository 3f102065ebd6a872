// Three real clients edit one document at once, go away, come back, come late, and paste two megabytes.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as Y from 'yjs'
import { Client, agree, documentURL } from './client.mjs'

const edit = (client, who) => {
  const { text, map, array, xml } = client.roots
  for (let i = 0; i < 20; i++) {
    text.insert(Math.floor((text.length * i) / 20), `${who}${i} 😀 `)
    if (i % 4 === 3) text.delete(Math.floor(text.length / 2), 3)
    if (i % 5 === 4) text.format(0, 5, { bold: i % 2 === 0 ? true : null, [who]: i })
    map.set(`key ${i % 6}`, `${who}${i}`)
    if (i % 7 === 6) map.delete(`key ${i % 5}`)
    array.insert(Math.floor(array.length / 2), [i, who, { who, i: [i, -0, 1.5] }])
    if (i % 3 === 2) array.delete(0, 1)
    if (i % 5 === 0) {
      const p = new Y.XmlElement('p')
      xml.insert(0, [p])
      p.setAttribute('by', who)
      p.insert(0, [new Y.XmlText(`${who} wrote ${i}`)])
    }
  }
  map.set(`nested of ${who}`, new Y.Map([['list', Y.Array.from([who])]]))
  array.push([new Uint8Array([1, 2, 3])])
}

const withClients = async (server, name, n, run, options) => {
  const clients = Array.from({ length: n }, () => new Client(server, name, options))
  try {
    await Promise.all(clients.map((c) => c.synced()))
    await run(clients)
  } finally {
    for (const c of clients) c.close()
  }
}

export const editing = (server) =>
  describe('editing', { concurrency: true }, () => {
    test('three clients edit text, map, array and XML at once', () =>
      withClients(server, 'at once', 3, async (clients) => {
        for (const [i, c] of clients.entries()) edit(c, 'abc'[i])
        await agree(clients)
      }))

    test('clients go offline, edit, and come back', () =>
      withClients(server, 'offline', 3, async (clients) => {
        const [a, b, c] = clients
        edit(a, 'a')
        await agree(clients)
        b.offline()
        c.offline()
        edit(a, 'x')
        edit(b, 'y')
        edit(c, 'z')
        await b.online()
        edit(b, 'again')
        await c.online()
        await agree(clients)
      }))

    test('a client joins late', () =>
      withClients(server, 'late', 2, async (clients) => {
        edit(clients[0], 'a')
        edit(clients[1], 'b')
        await agree(clients)
        const late = new Client(server, 'late')
        try {
          await late.synced()
          edit(late, 'late')
          await agree([...clients, late])
        } finally {
          late.close()
        }
      }))

    test('everybody leaves, and one comes back to what there was', async () => {
      let before
      await withClients(server, 'left', 2, async (clients) => {
        edit(clients[0], 'a')
        edit(clients[1], 'b')
        await agree(clients)
        before = clients[0].content()
      })
      await withClients(server, 'left', 1, async ([c]) => assert.equal(c.content(), before))
    })

    test('two megabytes are pasted while others type', () =>
      withClients(server, 'paste', 3, async (clients) => {
        const [a, b, c] = clients
        edit(a, 'a')
        await agree(clients)
        let paste = ''
        for (let i = 0; paste.length < 2 * 1024 * 1024; i++) paste += `line ${i} of what was pasted, with ü and 😀\n`
        b.roots.text.insert(5, paste)
        edit(c, 'c')
        edit(a, 'a')
        await agree(clients, 60000)
        assert.ok(a.roots.text.toString().includes(paste))
      }))

    test('names with segments', () =>
      withClients(server, 'folder/sub folder/notes', 2, async (clients) => {
        edit(clients[0], 'a')
        await agree(clients)
      }))

    test('JSON and text of the REST interface are those of the clients', () =>
      withClients(server, 'rest', 2, async (clients) => {
        edit(clients[0], 'a')
        clients[1].roots.text.insert(0, '"quoted" \\ \n 😀')
        await agree(clients)
        const url = documentURL(server, 'rest')
        const json = await (await fetch(url, { headers: { accept: 'application/json' } })).json()
        assert.deepEqual(json, clients[0].json())
        const text = await (await fetch(`${url}?root=text`, { headers: { accept: 'text/plain' } })).text()
        assert.equal(text, clients[0].roots.text.toString())
      }))

    test('resync by interval brings nothing twice', () =>
      withClients(
        server,
        'resync',
        2,
        async (clients) => {
          for (const who of 'abcd') {
            edit(clients[0], who)
            await new Promise((next) => setTimeout(next, 60))
          }
          await agree(clients)
        },
        { resyncInterval: 40 }
      ))

    test('many short sessions on one document', async () => {
      await withClients(server, 'sessions', 1, async ([steady]) => {
        for (let i = 0; i < 15; i++) {
          await withClients(server, 'sessions', 2, async (clients) => {
            clients[0].roots.text.insert(0, `${i};`)
            clients[1].roots.map.set('last', i)
            await agree([...clients, steady])
          })
        }
      })
    })
  })
