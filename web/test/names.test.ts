import { describe, expect, test } from 'vitest'
import { Addresses } from '../src/document/addresses'
import { asPath, asSegment, nameFromPath, nameProblem } from '../src/document/names'

const good = [
  'notes',
  'team/meeting notes',
  'a/b/c',
  '…',
  '🦦/otter 🦦',
  'straße',
  '100%',
  'a?b#c',
  'a%2Fb',
  '...',
  '.hidden/x',
  'a+b&c=d',
  '"quoted" <b>',
  'é'.repeat(127),
]

const bad: [string, RegExp][] = [
  ['', /name/],
  ['a//b', /slash/],
  ['/a', /slash/],
  ['a/', /slash/],
  ['.', /alone/],
  ['a/../b', /alone/],
  ['line\nbreak', /control/],
  ['bell\u0007', /control/],
  ['del\u007f', /control/],
  ['c1\u0085', /control/],
  ['half \ud83e', /half/],
  ['é'.repeat(128), /256 bytes/],
]

describe('names', () => {
  test.each(good)('%j is allowed', (name) => {
    expect(nameProblem(name)).toBeNull()
  })

  test.each(bad)('%j is refused with a reason', (name, reason) => {
    expect(nameProblem(name)).toMatch(reason)
  })

  test.each(good)('%j survives every address', (name) => {
    const at = new Addresses('http://127.0.0.1:8080/notes/')
    const page = new URL(at.editor(name), 'http://127.0.0.1:8080')
    expect(at.nameOn('d', page.pathname)).toBe(name)
    expect(page.search + page.hash).toBe('')
    expect(at.nameOn('r', new URL(at.reader(name), page).pathname)).toBe(name)
    const rest = new URL(at.document(name)).pathname
    expect(rest.startsWith('/notes/api/documents/')).toBe(true)
    const segment = rest.slice('/notes/api/documents/'.length)
    expect(segment).not.toContain('/')
    expect(decodeURIComponent(segment)).toBe(name)
    const socket = new URL(`${at.sync()}/${at.room(name)}`)
    expect(socket.protocol).toBe('ws:')
    expect(decodeURIComponent(socket.pathname)).toBe(`/notes/sync/${name}`)
    const view = new URL(at.view(name))
    expect(decodeURIComponent(view.pathname)).toBe(`/notes/view/${name}`)
    expect([...view.searchParams]).toEqual([
      ['as', 'text'],
      ['root', 'content'],
    ])
  })

  test('slashes stay in paths and go in segments', () => {
    expect(asPath('a b/c')).toBe('a%20b/c')
    expect(asSegment('a b/c')).toBe('a%20b%2Fc')
  })

  test.each(['/x/notes', '/d/', '/d/a//b', '/d/%', '/d/%ff', '/d/a%2f%2fb'])(
    '%s is no page of a document',
    (path) => {
      expect(nameFromPath(path, '/d/')).toBeNull()
    },
  )

  test('the base may be any prefix, and https makes wss', () => {
    const at = new Addresses('https://example.org/a/b/?q#h')
    expect(at.home()).toBe('/a/b/')
    expect(at.sync()).toBe('wss://example.org/a/b/sync')
    expect(at.documents()).toBe('https://example.org/a/b/api/documents')
  })
})
