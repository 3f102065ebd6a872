import { describe, expect, test } from 'vitest'
import { ago, size, words } from '../src/look/figures'

describe('figures in words', () => {
  test.each([
    [0, 'just now'],
    [-5, 'just now'],
    [59, 'just now'],
    [60, '1 minute ago'],
    [3599, '59 minutes ago'],
    [7200, '2 hours ago'],
    [86_400, 'yesterday'],
    [86_400 * 40, 'last month'],
    [86_400 * 800, '2 years ago'],
    [Number.NaN, ''],
  ])('%d seconds ago is %j', (seconds, want) => {
    expect(ago(0, seconds * 1000)).toBe(want)
  })

  test.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1 kB'],
    [999_499, '999 kB'],
    [999_500, '1.0 MB'],
    [12_345_678, '12.3 MB'],
  ])('%d bytes are %j', (bytes, want) => {
    expect(size(bytes)).toBe(want)
  })

  test.each([
    ['', '0 words'],
    ['one', '1 word'],
    ['It’s a well-known word', '4 words'],
    ['漢字', '2 words'],
    ['# — …', '0 words'],
    ['x '.repeat(1234), '1,234 words'],
  ])('%j has %s', (text, want) => {
    expect(words(text)).toBe(want)
  })
})
