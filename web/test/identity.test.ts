import { describe, expect, test } from 'vitest'
import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { remoteCursors } from '../src/editor/cursors'
import {
  COLORS,
  cleanColor,
  cleanName,
  initials,
  inkOn,
  loadIdentity,
  MAX_PERSON_NAME,
  randomIdentity,
  saveIdentity,
} from '../src/editor/identity'
import { people, published } from '../src/editor/people'
import { seeded } from './random'

/** Storage in memory; it can be told to refuse. */
function storage(refuse = false): Storage {
  const kept = new Map<string, string>()
  const guard = () => {
    if (refuse) throw new DOMException('no', 'SecurityError')
  }
  return {
    getItem: (key: string) => {
      guard()
      return kept.get(key) ?? null
    },
    setItem: (key: string, value: string) => {
      guard()
      kept.set(key, value)
    },
  } as unknown as Storage
}

describe('names of people', () => {
  test.each([
    ['  Ada   Lovelace ', 'Ada Lovelace'],
    ['two\nlines\u2028more', 'two lines more'],
    ['\u202eevil\u202c', 'evil'],
    ['\u202aevil\u2066 \u2069\u200e\u200f', 'evil'],
    ['x'.repeat(1000), 'x'.repeat(MAX_PERSON_NAME)],
    ['🦦'.repeat(40), '🦦'.repeat(MAX_PERSON_NAME)],
    ['half \ud83e', 'half \ufffd'],
    [42, ''],
    [null, ''],
    [{ toString: () => 'x' }, ''],
  ])('%j becomes %j', (name, want) => {
    expect(cleanName(name)).toBe(want)
  })

  test.each([
    ['Ada Lovelace', 'AL'],
    ['ada', 'A'],
    ['Ada King Lovelace', 'AL'],
    ['🦦 otter', '🦦O'],
    ['', ''],
  ])('%j has the initials %j', (name, want) => {
    expect(initials(name)).toBe(want)
  })
})

describe('colours', () => {
  test('come through when they can be drawn, else follow the client', () => {
    expect(cleanColor('#AbCdEf', 0)).toBe('#abcdef')
    expect(cleanColor('#fa0', 0)).toBe('#ffaa00')
    for (const bad of ['red', 'url(x)', '#12345', 'rgb(0 0 0)', 7, undefined, '#ffffff;top:0']) {
      expect(cleanColor(bad, 3)).toBe(COLORS[3])
    }
    expect(COLORS).toContain(cleanColor(null, 2 ** 53 - 1))
  })

  test('take the ink that is read best', () => {
    expect(inkOn('#000000')).toBe('#ffffff')
    expect(inkOn('#ffffff')).toBe('#000000')
    expect(inkOn('#ffe000')).toBe('#000000')
    for (const color of COLORS) expect(inkOn(color)).toBe('#ffffff')
  })
})

describe('the own identity', () => {
  test('is made once and remembered', () => {
    const kept = storage()
    const first = loadIdentity(kept)
    expect(loadIdentity(kept)).toEqual(first)
    saveIdentity({ name: 'Ada', color: '#b4431f' }, kept)
    expect(loadIdentity(kept)).toEqual({ name: 'Ada', color: '#b4431f' })
  })

  test.each(['not json', '[]', '{"name":"","color":"#fff"}', '{"name":7}', 'null'])(
    'survives %j in storage',
    (content) => {
      const kept = storage()
      kept.setItem('weft.identity', content)
      expect(loadIdentity(kept).name).not.toBe('')
    },
  )

  test('works without storage', () => {
    expect(loadIdentity(storage(true)).name).not.toBe('')
    expect(loadIdentity(null).name).not.toBe('')
  })

  test('is random from the lists', () => {
    const random = seeded(7)
    const names = new Set(Array.from({ length: 50 }, () => randomIdentity(random).name))
    expect(names.size).toBeGreaterThan(20)
  })
})

describe('people and cursors from awareness', () => {
  const setup = () => {
    const doc = new Y.Doc()
    doc.clientID = 1
    const text = doc.getText('content')
    text.insert(0, 'hello')
    const awareness = new Awareness(doc)
    awareness.setLocalStateField('user', published({ name: 'Me', color: '#b4431f' }))
    const others = awareness.getStates() as Map<number, Record<string, unknown>>
    const at = (index: number) => Y.relativePositionToJSON(Y.createRelativePositionFromTypeIndex(text, index))
    return { doc, text, awareness, others, at }
  }

  test('lists this tab first, then by name, and trusts nothing', () => {
    const { awareness, others } = setup()
    others.set(5, { user: { name: 'Zoe', color: '#3b5bdb' } })
    others.set(4, { user: { name: 'Ada', color: 'javascript:alert(1)' } })
    others.set(6, { user: 'nonsense' })
    others.set(7, {})
    const found = people(awareness)
    expect(found.map((person) => person.name)).toEqual(['Me', 'Ada', 'Somebody', 'Somebody', 'Zoe'])
    expect(found.every((person) => /^#[0-9a-f]{6}$/.test(person.color))).toBe(true)
    awareness.destroy()
  })

  test('finds cursors and leaves out what is none', () => {
    const { awareness, others, text, at } = setup()
    others.set(2, { user: { name: 'Ada' }, cursor: { anchor: at(1), head: at(3) } })
    others.set(3, { cursor: { anchor: 'x', head: 3 } })
    others.set(4, { cursor: null })
    others.set(5, { cursor: { anchor: { type: null, tname: 'elsewhere' }, head: { tname: 'elsewhere' } } })
    others.set(6, {
      cursor: { anchor: { item: { client: 99, clock: 5 } }, head: { item: { client: 99, clock: 5 } } },
    })
    others.set(7, { cursor: { anchor: { item: { client: 'a', clock: -1 } }, head: {} } })
    others.set(8, { cursor: 12 })
    const found = remoteCursors(awareness, text)
    expect(found).toMatchObject([{ clientID: 2, name: 'Ada', anchor: 1, head: 3 }])
    text.insert(0, '>> ')
    expect(remoteCursors(awareness, text)).toMatchObject([{ clientID: 2, anchor: 4, head: 6 }])
    awareness.destroy()
  })
})
