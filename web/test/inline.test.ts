import { describe, expect, test } from 'vitest'
import { kindOf, partsOf } from '../src/live/inline'
import { seeded } from './random'

test.each([
  ['# Title', 'heading heading-1'],
  ['###### Deep', 'heading heading-4'],
  ['#hashtag', 'plain'],
  ['> quoted', 'quote'],
  ['- item', 'item'],
  ['12. item', 'item'],
  ['-not', 'plain'],
  ['', 'plain'],
])('%j is drawn as %s', (line, kind) => {
  expect(kindOf(line)).toBe(kind)
})

describe('the parts of a line', () => {
  const read = (line: string) =>
    partsOf(line).map(({ from, to, look }) =>
      look === '' ? line.slice(from, to) : { [look]: line.slice(from, to) },
    )

  test.each([
    ['', []],
    ['plain', ['plain']],
    ['# Title', [{ marker: '# ' }, 'Title']],
    ['- ', [{ marker: '- ' }]],
    ['a **b c** d', ['a ', { marker: '**' }, { strong: 'b c' }, { marker: '**' }, ' d']],
    ['*x*', [{ marker: '*' }, { emphasis: 'x' }, { marker: '*' }]],
    ['``a b``', [{ marker: '``' }, { code: 'a b' }, { marker: '``' }]],
    ['see [it](http://x)', ['see ', { marker: '[' }, { link: 'it' }, { marker: ']' }, '(http://x)']],
    ['2 * 3 * 4', ['2 * 3 * 4']],
    ['snake_case_name', ['snake_case_name']],
    ['** not **', ['** not **']],
    ['**open', ['**open']],
    ['[no link]', ['[no link]']],
    ['`**code**`', [{ marker: '`' }, { code: '**code**' }, { marker: '`' }]],
    ['- **b**', [{ marker: '- ' }, { marker: '**' }, { strong: 'b' }, { marker: '**' }]],
  ] as [string, unknown[]][])('of %j', (line, want) => {
    expect(read(line)).toEqual(want)
  })

  test.each([1, 2, 3])('always make up the whole line, seed %d', (seed) => {
    const random = seeded(seed)
    const alphabet = ['*', '**', '_', '`', '[', ']', '(', ')', ' ', 'a', 'b c', '🦦', '#', '> ', '- ', '1. ']
    for (let i = 0; i < 2000; i++) {
      let line = ''
      while (random() < 0.92) line += alphabet[Math.floor(random() * alphabet.length)]
      const parts = partsOf(line)
      expect(parts.map(({ from, to }) => line.slice(from, to)).join('')).toBe(line)
      expect(parts.every((part, at) => part.from === (parts[at - 1]?.to ?? 0) && part.to > part.from)).toBe(
        true,
      )
    }
  })

  test.each(['*', '[', '`', '**a ', '*a', '_a*', '[a]'])(
    'are found quickly in a line of many %j',
    (piece) => {
      const line = piece.repeat(Math.floor(4999 / piece.length))
      const start = performance.now()
      partsOf(line)
      expect(performance.now() - start).toBeLessThan(300)
      expect(partsOf(line + 'x'.repeat(5000))).toHaveLength(1)
    },
  )
})
