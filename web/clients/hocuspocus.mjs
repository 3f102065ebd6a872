// The dialects together: providers of every version edit one document, share sockets, leave, and come back.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { agree } from './client.mjs'
import { allSaved, clientOf, everyVersion, hocuspocus as versions, socketOf } from './providers.mjs'
import { until } from './until.mjs'

const edit = ({ roots: { text, map, array } }, who) => {
  for (let i = 0; i < 15; i++) {
    text.insert(Math.floor((text.length * i) / 15), `${who}${i} 😀 `)
    if (i % 4 === 3) text.delete(Math.floor(text.length / 2), 3)
    map.set(`key ${i % 6}`, `${who}${i}`)
    array.insert(Math.floor(array.length / 2), [i, who])
  }
}

const withAll = async (clients, run) => {
  try {
    await allSaved(clients)
    await run(clients)
  } finally {
    for (const c of clients) c.close()
  }
}

export const hocuspocus = (server) =>
  describe('hocuspocus', { concurrency: true }, () => {
    test('every version of both dialects edits one document at once', () =>
      withAll(everyVersion.map((v) => clientOf(v, server, 'all together')), async (clients) => {
        for (const [i, c] of clients.entries()) edit(c, `${i}-`)
        await agree(clients)
        await allSaved(clients)
        await Promise.all(clients.map((c) => c.offline()))
        for (const [i, c] of clients.entries()) edit(c, `away ${i}-`)
        for (const c of clients) c.online()
        await agree(clients)
        await allSaved(clients)
      }))

    test('everybody sees everybody, and who leaves is gone', () =>
      withAll(everyVersion.map((v) => clientOf(v, server, 'all seen')), async (clients) => {
        for (const [i, c] of clients.entries()) c.provider.awareness.setLocalState({ user: { name: `user ${i}` } })
        await until('everybody to see everybody', () =>
          clients.every((c) => clients.every((other, i) => c.state(other)?.user?.name === `user ${i}`))
        )
        const [gone, ...rest] = clients.toReversed()
        await gone.offline()
        await until('one to be gone', () => rest.every((c) => c.state(gone) === undefined))
      }))

    for (const version of Object.keys(versions)) {
      test(`${version}: many documents on one socket, left and joined again`, async () => {
        const socket = socketOf(version, server)
        const names = Array.from({ length: 8 }, (_, i) => `${version} / ${i}`.replaceAll(' ', '-'))
        const ours = names.map((name) => clientOf(version, server, name, { socket }))
        const theirs = names.map((name) => clientOf('y-websocket 3', server, name))
        try {
          await withAll([...ours, ...theirs], async () => {
            for (const [i, c] of ours.entries()) c.roots.text.insert(0, `in ${i}`)
            for (const [i, c] of theirs.entries()) await agree([c, ours[i]])
            assert.deepEqual(theirs.map((c) => c.roots.text.toString()), names.map((_, i) => `in ${i}`))
            ours[0].provider.destroy()
            ours[0] = clientOf(version, server, names[0], { socket })
            await allSaved(ours)
            assert.equal(ours[0].roots.text.toString(), 'in 0')
          })
        } finally {
          socket.destroy()
        }
      })

      test(`${version}: what an application says is passed on`, () =>
        withAll(Array.from({ length: 2 }, () => clientOf(version, server, `${version} says`)), async ([a, b]) => {
          a.provider.sendStateless('hello 😀')
          await until('it to be heard', () => b.heard.length > 0)
          assert.deepEqual([a.heard, b.heard], [[], ['hello 😀']])
        }))
    }

    test('a plain provider and two that are aware of sessions share a socket and a document', async () => {
      const socket = socketOf('hocuspocus 4', server)
      const options = [{}, { sessionAwareness: true }, { sessionAwareness: true }]
      const clients = options.map((o) => clientOf('hocuspocus 4', server, 'sessions', { socket, ...o }))
      try {
        await withAll(clients, async () => {
          for (const [i, c] of clients.entries()) {
            edit(c, `${i}-`)
            c.provider.awareness.setLocalStateField('user', i)
          }
          await agree(clients)
          await allSaved(clients)
          await until('all to be seen', () => clients.every((c) => clients.every((other, i) => c.state(other)?.user === i)))
        })
      } finally {
        socket.destroy()
      }
    })

    test('a token that takes its time is waited for', () => {
      const slow = () => new Promise((done) => setTimeout(done, 400, 'token'))
      const c = clientOf('hocuspocus 4', server, 'late token', { token: slow })
      c.roots.text.insert(0, 'typed before')
      return withAll([c, clientOf('y-websocket 3', server, 'late token')], (clients) => agree(clients))
    })
  })
