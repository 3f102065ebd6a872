import { describe, expect, test } from 'vitest'
import { applySplice, isSplice, type Splice, SpliceError } from '../src/document/splice'
import { Paragraphs } from '../src/live/paragraphs'
import { seeded } from './random'

describe('splices', () => {
  const rows: [string, Splice, string][] = [
    ['', [0, 0, 'a'], 'a'],
    ['abc', [1, 1, ''], 'ac'],
    ['abc', [3, 0, 'd'], 'abcd'],
    ['abc', [0, 3, 'x'], 'x'],
    ['a🦦b', [1, 2, '🐟'], 'a🐟b'],
    ['a🦦b', [3, 0, '!'], 'a🦦!b'],
    // Between the halves of a pair: JavaScript counts as the server does.
    ['🦦', [1, 0, 'x'], '\ud83ex\udda6'],
    ['🦦', [1, 1, ''], '\ud83e'],
    ['\ud83e', [1, 0, '\udda6'], '🦦'],
    ['e\u0301', [1, 1, ''], 'e'],
    ['a\nb', [1, 1, '\r\n'], 'a\r\nb'],
  ]

  test.each(rows)('%j with %j', (before, splice, after) => {
    expect(applySplice(before, splice)).toBe(after)
    const paragraphs = new Paragraphs()
    paragraphs.replace(before)
    paragraphs.apply(splice, 0)
    expect(paragraphs.text).toBe(after)
    expect(paragraphs.length).toBe(after.length)
  })

  test.each([
    [[4, 0, 'x']],
    [[0, 4, '']],
    [[2, 2, '']],
    [[-1, 1, '']],
    [[1, -1, '']],
    [[0.5, 0, 'x']],
    [[Number.NaN, 0, 'x']],
  ] as [Splice][])('%j does not fit "abc" and changes nothing', (splice) => {
    expect(() => applySplice('abc', splice)).toThrow(SpliceError)
    const paragraphs = new Paragraphs()
    paragraphs.replace('abc')
    expect(() => paragraphs.apply(splice, 0)).toThrow(SpliceError)
    expect(paragraphs.text).toBe('abc')
  })

  test('shapes from the wire', () => {
    expect(isSplice([0, 0, ''])).toBe(true)
    for (const other of [null, [], [0, 0], [0, 0, 1], ['0', 0, ''], { 0: 0, 1: 0, 2: '', length: 3 }]) {
      expect(isSplice(other)).toBe(false)
    }
  })

  test.each([1, 2, 3, 4, 5, 6, 7, 8])('lines and string agree on random splices, seed %d', (seed) => {
    const random = seeded(seed)
    const upTo = (n: number) => Math.floor(random() * (n + 1))
    const alphabet = ['a', 'bc', '\n', '\n\n', '🦦', '\ud83e', '\udda6', 'ü', '\r', ' ']
    const paragraphs = new Paragraphs()
    const drawn: string[] = ['']
    let text = ''
    for (let step = 0; step < 600; step++) {
      const position = upTo(text.length)
      const deleted = random() < 0.4 ? upTo(Math.min(6, text.length - position)) : 0
      let inserted = ''
      while (random() < 0.6) inserted += alphabet[upTo(alphabet.length - 1)]
      const splice: Splice = [position, deleted, inserted]
      text = applySplice(text, splice)
      const change = paragraphs.apply(splice, step)
      const added = paragraphs.lines.slice(change.index, change.index + change.added).map((line) => line.text)
      drawn.splice(change.index, change.removed, ...added)
      expect(paragraphs.text).toBe(text)
      expect(drawn.join('\n')).toBe(text)
      expect(paragraphs.length).toBe(text.length)
      for (const line of paragraphs.lines) {
        let end = 0
        for (const trace of line.traces) {
          expect(trace.from).toBeGreaterThanOrEqual(end)
          expect(trace.to).toBeGreaterThanOrEqual(trace.from)
          end = trace.to
        }
        expect(end).toBeLessThanOrEqual(line.text.length)
      }
    }
  })
})

describe('traces of changes', () => {
  const traced = (text: string, ...splices: Splice[]) => {
    const paragraphs = new Paragraphs()
    paragraphs.replace(text)
    splices.forEach((splice, i) => {
      paragraphs.apply(splice, i * 1000)
    })
    return paragraphs.lines.map((line) => line.traces.map(({ from, to }) => line.text.slice(from, to) || '|'))
  }

  test('cover what was inserted', () => {
    expect(traced('hello', [5, 0, ' world'])).toEqual([[' world']])
  })

  test('mark a deletion with an empty trace', () => {
    expect(traced('hello world', [5, 6, ''])).toEqual([['|']])
  })

  test('span lines and move with the text behind them', () => {
    expect(traced('ab', [1, 0, 'x\ny'], [0, 0, '1\n2'])).toEqual([['1'], ['2', 'x'], ['y']])
  })

  test('are cut where they are deleted', () => {
    expect(traced('ab', [1, 0, 'xyz'], [2, 1, ''])).toEqual([['x', '|', 'z']])
  })

  test('join while somebody types on', () => {
    const paragraphs = new Paragraphs()
    for (let i = 0; i < 5; i++) paragraphs.apply([i, 0, 'a'], i * 100)
    expect(paragraphs.lines[0]?.traces).toEqual([{ from: 0, to: 5, time: 400 }])
  })

  test('are forgotten by age', () => {
    const paragraphs = new Paragraphs()
    paragraphs.replace('one\ntwo')
    paragraphs.apply([0, 0, 'x'], 1000)
    paragraphs.apply([5, 0, 'y'], 5000)
    expect(paragraphs.forget(2000)).toEqual([0])
    expect(paragraphs.lines.map((line) => line.traces.length)).toEqual([0, 1])
  })

  test('a paste of very many lines goes in', () => {
    const paragraphs = new Paragraphs()
    const paste = 'x\n'.repeat(150_000)
    paragraphs.replace('ab')
    paragraphs.apply([1, 0, paste], 0)
    expect(paragraphs.text).toBe(`a${paste}b`)
  })
})
