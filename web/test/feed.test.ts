import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type Splice, SpliceError } from '../src/document/splice'
import { type Feed, type FeedState, openFeed, RESTART_MILLISECONDS } from '../src/live/feed'

/** An EventSource without a network. */
class FakeSource extends EventTarget {
  static all: FakeSource[] = []
  readyState = 0
  readonly url: string

  constructor(url: string) {
    super()
    this.url = url
    FakeSource.all.push(this)
  }

  close(): void {
    this.readyState = 2
  }

  event(type: string, data: unknown, lastEventId = ''): void {
    const text = typeof data === 'string' ? data : JSON.stringify(data)
    this.dispatchEvent(new MessageEvent(type, { data: text, lastEventId }))
  }

  open(): void {
    this.readyState = 1
    this.dispatchEvent(new Event('open'))
  }

  fail(readyState: number): void {
    this.readyState = readyState
    this.dispatchEvent(new Event('error'))
  }
}

let seen: (string | readonly Splice[] | FeedState)[]
let feed: Feed
let failWith: Error | null

const newest = () => FakeSource.all[FakeSource.all.length - 1] as FakeSource
const states = () => seen.flatMap((item) => (typeof item === 'object' && 'kind' in item ? [item.kind] : []))

beforeEach(() => {
  vi.useFakeTimers()
  vi.spyOn(console, 'warn').mockImplementation(() => undefined)
  FakeSource.all = []
  seen = []
  failWith = null
  feed = openFeed(
    '/view/x',
    {
      whole: (text) => seen.push(text),
      splices: (splices) => {
        if (failWith !== null) throw failWith
        seen.push(splices)
      },
      state: (state) => seen.push(state),
    },
    (url) => new FakeSource(url),
  )
  expect(seen).toEqual([])
  vi.advanceTimersByTime(0)
})

afterEach(() => {
  feed.close()
  vi.useRealTimers()
})

describe('the feed', () => {
  test('passes on the whole, splices and resets', () => {
    newest().open()
    newest().event('whole', { root: 'content', text: 'hello' })
    newest().event('splice', [[5, 0, '!']])
    newest().event('reset', { root: 'content', text: 'anew' })
    expect(seen).toEqual([{ kind: 'connecting' }, { kind: 'live' }, 'hello', [[5, 0, '!']], 'anew'])
  })

  test('leaves a broken stream to the browser', () => {
    newest().open()
    newest().fail(0)
    newest().open()
    vi.advanceTimersByTime(60_000)
    expect(FakeSource.all).toHaveLength(1)
    expect(states()).toEqual(['connecting', 'live', 'lost', 'live'])
  })

  test('begins anew when the browser gives up', () => {
    newest().fail(2)
    expect(states()).toEqual(['connecting', 'lost'])
    vi.advanceTimersByTime(RESTART_MILLISECONDS)
    expect(FakeSource.all).toHaveLength(2)
    newest().open()
    expect(states()).toEqual(['connecting', 'lost', 'live'])
  })

  test.each([
    ['a splice that does not fit', 'splice', [[0, 0, 'x']], new SpliceError([9, 0, ''], 1)],
    ['no JSON', 'splice', '{', null],
    ['splices of another shape', 'splice', [[0, 'x']], null],
    ['a whole without text', 'whole', { root: 'content' }, null],
  ])('begins anew after %s', (_what, event, data, error) => {
    newest().open()
    failWith = error
    const first = newest()
    first.event(event, data)
    expect(first.readyState).toBe(2)
    vi.advanceTimersByTime(RESTART_MILLISECONDS)
    expect(newest()).not.toBe(first)
    first.event('whole', { root: 'content', text: 'from the dead' })
    expect(seen).not.toContain('from the dead')
  })

  test('stops when refused for good, and says why', () => {
    newest().open()
    newest().event('refused', { code: 4403, reason: 'not for you', retry: false })
    newest().fail(2)
    vi.advanceTimersByTime(60_000)
    expect(FakeSource.all).toHaveLength(1)
    expect(seen[seen.length - 1]).toEqual({ kind: 'refused', code: 4403, reason: 'not for you' })
  })

  test('comes back after a refusal that passes', () => {
    newest().event('refused', { code: 4503, reason: 'loading failed', retry: true })
    vi.advanceTimersByTime(RESTART_MILLISECONDS)
    expect(FakeSource.all).toHaveLength(2)
  })

  test('rests, and goes on from the last event', () => {
    newest().open()
    newest().event('whole', { root: 'content', text: 'hello' }, 'i:7')
    newest().event('splice', [[5, 0, '!']], 'i:8')
    feed.rest()
    expect(newest().readyState).toBe(2)
    vi.advanceTimersByTime(60_000)
    expect(FakeSource.all).toHaveLength(1)
    feed.wake()
    feed.wake()
    expect(FakeSource.all).toHaveLength(2)
    expect(newest().url).toBe('/view/x?lastEventId=i%3A8')
    newest().open()
    newest().event('splice', [[6, 0, '?']], 'i:9')
    expect(seen[seen.length - 1]).toEqual([[6, 0, '?']])
  })

  test('begins with the whole after it lost step, and from the last event after a mere break', () => {
    newest().open()
    newest().event('whole', { root: 'content', text: 'hello' }, 'i:7')
    newest().fail(2)
    vi.advanceTimersByTime(RESTART_MILLISECONDS)
    expect(newest().url).toBe('/view/x?lastEventId=i%3A7')
    failWith = new SpliceError([9, 0, ''], 1)
    newest().event('splice', [[9, 0, '']], 'i:8')
    vi.advanceTimersByTime(RESTART_MILLISECONDS)
    expect(newest().url).toBe('/view/x')
  })

  test('does not wake when refused', () => {
    newest().event('refused', { code: 4403, reason: '', retry: false })
    feed.rest()
    feed.wake()
    expect(FakeSource.all).toHaveLength(1)
  })

  test('is quiet when closed', () => {
    const source = newest()
    feed.close()
    const before = seen.length
    source.event('whole', { root: 'content', text: 'late' })
    source.fail(2)
    vi.advanceTimersByTime(60_000)
    expect(seen).toHaveLength(before)
    expect(FakeSource.all).toHaveLength(1)
  })
})
