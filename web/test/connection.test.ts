import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Connection, PATIENCE } from '../src/editor/connection'

const lost = { code: 1006, reason: '' }
let feed: 'open' | 'closed'
let opened: number
let modes: string[]
let connection: Connection

beforeEach(() => {
  vi.useFakeTimers()
  feed = 'closed'
  opened = 0
  modes = []
  connection = new Connection({
    openFeed() {
      feed = 'open'
      opened++
    },
    closeFeed() {
      feed = 'closed'
    },
    changed() {
      if (modes[modes.length - 1] !== connection.mode) modes.push(connection.mode)
    },
  })
  connection.start()
})

afterEach(() => {
  vi.useRealTimers()
})

describe('the connection', () => {
  test('that works is live and opens no feed', () => {
    connection.socketSynced()
    vi.advanceTimersByTime(60_000)
    expect(modes).toEqual(['live'])
    expect(opened).toBe(0)
  })

  test('blocked from the beginning becomes watching', () => {
    connection.socketFailed(lost)
    expect(feed).toBe('open')
    connection.feedLive()
    expect(connection.mode).toBe('connecting') // the socket may just have been unlucky
    connection.socketFailed(lost)
    expect(connection.mode).toBe('watching')
    expect(connection.loaded).toBe(false)
  })

  test('that neither opens nor fails becomes watching after a while', () => {
    vi.advanceTimersByTime(PATIENCE.firstSocket)
    expect(feed).toBe('open')
    connection.feedLive()
    vi.advanceTimersByTime(PATIENCE.hangingSocket)
    expect(connection.mode).toBe('watching')
  })

  test('goes back to editing and closes the feed when the socket works again', () => {
    connection.socketFailed(lost)
    connection.feedLive()
    connection.socketFailed(lost)
    connection.socketSynced()
    expect(connection.mode).toBe('live')
    expect(feed).toBe('closed')
    expect(connection.close).toBeNull()
  })

  test('lost for a moment goes on editing and never watches', () => {
    connection.socketSynced()
    connection.socketFailed(lost)
    vi.advanceTimersByTime(PATIENCE.afterLoss - 1)
    connection.socketFailed(lost)
    connection.socketSynced()
    vi.advanceTimersByTime(60_000)
    expect(modes).toEqual(['live', 'reconnecting', 'live'])
    expect(opened).toBe(0)
  })

  test('to a server that is down is offline, and never watching when both come back together', () => {
    connection.socketSynced()
    connection.socketFailed(lost)
    vi.advanceTimersByTime(PATIENCE.afterLoss)
    connection.feedFailed()
    expect(connection.mode).toBe('offline')
    for (let i = 0; i < 5; i++) {
      connection.socketFailed(lost)
      connection.feedFailed()
    }
    connection.feedLive() // the feed is back first; the socket's next attempt works
    expect(connection.mode).toBe('offline')
    connection.socketSynced()
    expect(modes).toEqual(['live', 'reconnecting', 'offline', 'live'])
  })

  test('lost while the feed works becomes watching, and offline when the feed goes too', () => {
    connection.socketSynced()
    connection.socketFailed(lost)
    vi.advanceTimersByTime(PATIENCE.afterLoss)
    connection.feedLive()
    connection.socketFailed(lost)
    expect(connection.mode).toBe('watching')
    connection.feedFailed()
    expect(connection.mode).toBe('offline')
    connection.feedLive()
    connection.socketFailed(lost)
    expect(connection.mode).toBe('watching')
  })

  test('refused stays refused until somebody tries again', () => {
    connection.socketSynced()
    connection.socketFailed({ code: 4403, reason: 'no' })
    connection.socketRefused({ code: 4403, reason: 'no' })
    vi.advanceTimersByTime(60_000)
    connection.socketFailed(lost)
    expect(connection.mode).toBe('refused')
    expect(connection.close).toEqual({ code: 4403, reason: 'no' })
    expect(opened).toBe(0)
    connection.retry()
    expect(connection.mode).toBe('reconnecting')
    connection.socketSynced()
    expect(connection.mode).toBe('live')
  })

  test('keeps the reason of a passing refusal to show it', () => {
    connection.socketSynced()
    connection.socketFailed({ code: 4507, reason: 'disk full' })
    expect(connection.close).toEqual({ code: 4507, reason: 'disk full' })
  })
})
