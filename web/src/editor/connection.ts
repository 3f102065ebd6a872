/**
 * Decides what the page does about its connection: edit, wait, watch without editing, or stop. Pure but for timers;
 * it is told what the WebSocket and the feed do and says when to open and close the feed.
 *
 * The WebSocket "cannot be had" when it fails while the feed, plain HTTP to the same server, works. A server that is
 * merely restarting fails both, and then typing goes on: the edits merge when it is back.
 */

/** What the page does. */
export type Mode =
  /** Nothing has been loaded yet. */
  | 'connecting'
  /** Connected and in step with the server. */
  | 'live'
  /** Was live; the connection has just gone and is being sought. Typing goes on. */
  | 'reconnecting'
  /** The server cannot be reached at all. Typing goes on if something was loaded before. */
  | 'offline'
  /** The WebSocket cannot be had, the feed can: a live view without editing. */
  | 'watching'
  /** The server ended the session for good, with a reason. */
  | 'refused'

/** The last close of the WebSocket: its code and the server's reason, which may be empty. */
export interface Close {
  code: number
  reason: string
}

/** What the connection needs to be able to do. */
export interface ConnectionActions {
  openFeed(): void
  closeFeed(): void
  /** Called when the mode or the reason behind it changed. */
  changed(): void
}

/** Times in milliseconds. */
export const PATIENCE = {
  /** From opening the page to looking for the feed, when the WebSocket neither opens nor fails. */
  firstSocket: 2500,
  /** From losing a live connection to looking for the feed. */
  afterLoss: 3000,
  /** From the feed being live to giving up on a WebSocket that neither opens nor fails. */
  hangingSocket: 3000,
} as const

/** Tells the mode from the events of a socket that reconnects by itself and of a feed. */
export class Connection {
  readonly #actions: ConnectionActions
  #mode: Mode = 'connecting'
  #close: Close | null = null
  #loaded = false
  #feed: 'closed' | 'opening' | 'live' | 'lost' = 'closed'
  #failuresWithFeed = 0
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(actions: ConnectionActions) {
    this.#actions = actions
  }

  get mode(): Mode {
    return this.#mode
  }

  /** Why the WebSocket closed last; null when it never did or is fine again. */
  get close(): Close | null {
    return this.#close
  }

  /** Whether the document was in step with the server at any time, so that editing it makes sense. */
  get loaded(): boolean {
    return this.#loaded
  }

  /** The page has begun to connect. */
  start(): void {
    this.#after(PATIENCE.firstSocket, () => this.#beginFeed())
  }

  /** The socket is connected and the documents are in step. */
  socketSynced(): void {
    this.#loaded = true
    this.#close = null
    this.#endFeed()
    this.#enter('live')
  }

  /** The socket closed, or could not be opened. */
  socketFailed(close: Close): void {
    if (this.#mode === 'refused') return
    this.#close = close
    if (this.#feed === 'live') this.#failuresWithFeed++
    if (this.#mode === 'live') {
      this.#enter('reconnecting')
      this.#after(PATIENCE.afterLoss, () => this.#beginFeed())
      return
    }
    if (this.#mode === 'connecting') this.#beginFeed()
    this.#settle()
  }

  /** The server closed with a code that means: do not come back by yourself. */
  socketRefused(close: Close): void {
    this.#close = close
    this.#endFeed()
    this.#enter('refused')
  }

  /** The person asks to try again after a refusal. */
  retry(): void {
    this.#close = null
    this.#enter(this.#loaded ? 'reconnecting' : 'connecting')
    this.start()
  }

  /** The feed delivers. */
  feedLive(): void {
    if (this.#feed === 'closed' || this.#feed === 'live') return
    this.#feed = 'live'
    this.#failuresWithFeed = 0
    this.#after(PATIENCE.hangingSocket, () => {
      this.#failuresWithFeed++
      this.#settle()
    })
    this.#settle()
  }

  /** The feed was lost, or could not be opened. */
  feedFailed(): void {
    if (this.#feed === 'closed') return
    this.#feed = 'lost'
    this.#settle()
  }

  #beginFeed(): void {
    if (this.#feed !== 'closed') return
    this.#feed = 'opening'
    this.#failuresWithFeed = 0
    this.#actions.openFeed()
  }

  #endFeed(): void {
    clearTimeout(this.#timer)
    if (this.#feed === 'closed') return
    this.#feed = 'closed'
    this.#actions.closeFeed()
  }

  /** Chooses between waiting, watching and being offline, by what socket and feed have done. */
  #settle(): void {
    if (this.#mode === 'live' || this.#mode === 'refused') return
    if (this.#feed === 'lost') this.#enter('offline')
    else if (this.#feed === 'live' && this.#failuresWithFeed > 0) this.#enter('watching')
    else this.#actions.changed()
  }

  #after(milliseconds: number, act: () => void): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(act, milliseconds)
  }

  #enter(mode: Mode): void {
    this.#mode = mode
    this.#actions.changed()
  }
}
