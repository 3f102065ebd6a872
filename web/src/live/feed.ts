/**
 * The live feed of a document's text over server-sent events, and nothing but: no Yjs, no WebSocket.
 *
 * The server sends the whole text first (`whole`), then lists of splices (`splice`), and the whole again when it can no
 * longer continue (`reset`). Reconnecting and resuming from the last event is the browser's work; we only start afresh
 * when the browser gives up or when our copy has lost step.
 */

import { isSplice, type Splice, SpliceError } from '../document/splice'

/** What the feed tells its owner. Calls come in order, never from within `openFeed`. */
export interface FeedListener {
  /** The whole text; throw away what was shown before. */
  whole(text: string): void
  /** Changes to apply in order. Throwing a SpliceError makes the feed start afresh. */
  splices(splices: readonly Splice[]): void
  state(state: FeedState): void
}

/**
 * connecting: the first attempt is under way. live: events arrive. lost: the stream broke or could not be opened, and
 * is sought again. refused: the server said no, with a reason, and asking again by itself is pointless.
 */
export type FeedState =
  | { kind: 'connecting' }
  | { kind: 'lost' }
  | { kind: 'live' }
  | { kind: 'refused'; code: number; reason: string }

/** The part of EventSource that is needed, so that tests can do without a browser. */
export interface EventSourceLike {
  readonly readyState: number
  addEventListener(type: string, listener: (event: Event) => void): void
  close(): void
}

/** How long to wait before a fresh start, when the browser has given up on the stream. */
export const RESTART_MILLISECONDS = 3000

const CLOSED = 2

/** An open feed. `close` is final. */
export interface Feed {
  close(): void
}

/** Opens the feed at `url` and keeps it open until closed or refused. */
export function openFeed(
  url: string,
  listener: FeedListener,
  connect: (url: string) => EventSourceLike = (address) => new EventSource(address),
): Feed {
  let source: EventSourceLike | null = null
  let timer: ReturnType<typeof setTimeout> | undefined
  let closed = false

  const stop = () => {
    source?.close()
    source = null
  }

  const restart = (afterMilliseconds: number) => {
    stop()
    if (closed) return
    listener.state({ kind: 'lost' })
    clearTimeout(timer)
    timer = setTimeout(start, afterMilliseconds)
  }

  const start = () => {
    const current = connect(url)
    source = current
    const on = (event: string, act: (data: unknown) => void) => {
      current.addEventListener(event, (message) => {
        if (source !== current) return
        receive(act, (message as MessageEvent<string>).data)
      })
    }
    const receive = (act: (data: unknown) => void, data: string) => {
      try {
        act(JSON.parse(data))
      } catch (error) {
        if (!(error instanceof SpliceError) && !(error instanceof SyntaxError)) throw error
        console.warn('The feed lost step and starts afresh.', error)
        restart(RESTART_MILLISECONDS)
      }
    }
    current.addEventListener('open', () => {
      if (source === current) listener.state({ kind: 'live' })
    })
    current.addEventListener('error', () => {
      if (source !== current) return
      if (current.readyState === CLOSED) restart(RESTART_MILLISECONDS)
      else listener.state({ kind: 'lost' })
    })
    on('whole', (data) => listener.whole(textOf(data)))
    on('reset', (data) => listener.whole(textOf(data)))
    on('splice', (data) => listener.splices(splicesOf(data)))
    on('refused', (data) => {
      const refusal = refusalOf(data)
      if (refusal.retry) return restart(RESTART_MILLISECONDS)
      stop()
      listener.state({ kind: 'refused', code: refusal.code, reason: refusal.reason })
    })
  }

  timer = setTimeout(() => {
    listener.state({ kind: 'connecting' })
    start()
  }, 0)

  return {
    close() {
      closed = true
      clearTimeout(timer)
      stop()
    },
  }
}

function textOf(data: unknown): string {
  const text = (data as { text?: unknown } | null)?.text
  if (typeof text !== 'string') throw new SyntaxError('a whole text was expected')
  return text
}

function splicesOf(data: unknown): Splice[] {
  if (!Array.isArray(data) || !data.every(isSplice)) throw new SyntaxError('a list of splices was expected')
  return data
}

function refusalOf(data: unknown): { code: number; reason: string; retry: boolean } {
  const { code, reason, retry } = (data ?? {}) as { code?: unknown; reason?: unknown; retry?: unknown }
  return {
    code: typeof code === 'number' ? code : 0,
    reason: typeof reason === 'string' ? reason : '',
    retry: retry === true,
  }
}
