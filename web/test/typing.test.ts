import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { TYPING, TypingSignal, typingLine, whoTypes } from '../src/editor/typing'

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

describe('the typing signal', () => {
  test('is given once and taken back after a pause', () => {
    const published: boolean[] = []
    const signal = new TypingSignal((typing) => published.push(typing))
    for (let i = 0; i < 20; i++) {
      signal.typed()
      vi.advanceTimersByTime(TYPING.pause - 1)
    }
    expect(published).toEqual([true])
    vi.advanceTimersByTime(1)
    expect(published).toEqual([true, false])
    vi.advanceTimersByTime(60_000)
    expect(published).toEqual([true, false])
    signal.typed()
    expect(published).toEqual([true, false, true])
  })

  test('stops at once when told, and only once', () => {
    const published: boolean[] = []
    const signal = new TypingSignal((typing) => published.push(typing))
    signal.stop()
    signal.typed()
    signal.stop()
    signal.stop()
    vi.advanceTimersByTime(60_000)
    expect(published).toEqual([true, false])
  })
})

describe('who types', () => {
  const word = (name: string, typing: boolean, heard: number) => ({ name, typing, heard })

  test('is believed only for a while', () => {
    const words = [word('Zoe', true, 1000), word('Ada', true, 2000), word('Bob', false, 2000)]
    expect(whoTypes(words, 2000)).toEqual(['Ada', 'Zoe'])
    expect(whoTypes(words, 1000 + TYPING.belief)).toEqual(['Ada'])
    expect(whoTypes(words, 2000 + TYPING.belief)).toEqual([])
  })

  test.each([
    [[], ''],
    [['Ada'], 'Ada is typing…'],
    [['Ada', 'Bob'], 'Ada and Bob are typing…'],
    [['Ada', 'Bob', 'Cleo'], 'Ada, Bob and 1 more are typing…'],
    [['Ada', 'Bob', 'Cleo', 'Dan'], 'Ada, Bob and 2 more are typing…'],
  ])('%j reads %j', (names, line) => {
    expect(typingLine(names)).toBe(line)
  })
})
