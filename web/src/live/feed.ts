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

/** An open feed. */
export interface Feed {
  /** Closes it for good. */
  close(): void
  /** Lets go of the connection while nobody looks: a browser opens only six to one server. */
  rest(): void
  /** Goes on after a rest, from the last event that came. */
  wake(): void
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
  let resting = false
  let refused = false
  /** The id of the last event that was applied; empty to begin with the whole text. */
  let last = ''

  const stop = () => {
    source?.close()
    source = null
  }

  const restart = () => {
    stop()
    if (closed) return
    listener.state({ kind: 'lost' })
    clearTimeout(timer)
    timer = setTimeout(start, RESTART_MILLISECONDS)
  }

  const receive = (act: (data: unknown) => void, message: MessageEvent<string>) => {
    try {
      act(JSON.parse(message.data))
      if (message.lastEventId !== '') last = message.lastEventId
    } catch (error) {
      if (!(error instanceof SpliceError) && !(error instanceof SyntaxError)) throw error
      console.warn('The feed lost step and starts afresh.', error)
      last = ''
      restart()
    }
  }

  const start = () => {
    const current = connect(resumed(url, last))
    source = current
    const on = (event: string, act: (data: unknown) => void) => {
      current.addEventListener(event, (message) => {
        if (source === current) receive(act, message as MessageEvent<string>)
      })
    }
    current.addEventListener('open', () => {
      if (source === current) listener.state({ kind: 'live' })
    })
    current.addEventListener('error', () => {
      if (source !== current) return
      if (current.readyState === CLOSED) restart()
      else listener.state({ kind: 'lost' })
    })
    on('whole', (data) => listener.whole(textOf(data)))
    on('reset', (data) => listener.whole(textOf(data)))
    on('splice', (data) => listener.splices(splicesOf(data)))
    on('refused', (data) => {
      const refusal = refusalOf(data)
      if (refusal.retry) return restart()
      stop()
      refused = true
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
    rest() {
      if (closed || refused) return
      resting = true
      clearTimeout(timer)
      stop()
    },
    wake() {
      if (closed || !resting) return
      resting = false
      listener.state({ kind: 'lost' })
      start()
    },
  }
}

/** The address with which the server goes on behind an event, as it does for a browser's own Last-Event-ID. */
function resumed(url: string, last: string): string {
  if (last === '') return url
  return `${url}${url.includes('?') ? '&' : '?'}lastEventId=${encodeURIComponent(last)}`
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
