/**
 * Knows whether what was typed in this tab is on the server's disk.
 *
 * The server answers a SyncStep1 with a SyncStep2 only after everything that it received before on that connection is
 * durable. So a SyncStep1 sent behind the edits is a barrier: when its answer is back, the edits are saved. Answers come
 * in the order of the questions, so they are told apart by counting; the provider's own SyncStep1 counts too.
 *
 * After a new connection the edits made before it travel in the SyncStep2 with which the provider answers the server's
 * SyncStep1. Until that has been sent, no barrier on this connection covers anything.
 */

import { type FrameObserver, kindOfFrame } from './frames'

/** What is known about this tab's edits. */
export interface SaveState {
  /** Edits made in this tab of which nobody has said yet that they are saved. */
  unsaved: number
  /** Whether there is a connection on which they have been or are being sent. */
  sending: boolean
  /** When the oldest of them was made, in milliseconds; null when there is none. */
  since: number | null
}

/** The times of the barrier, in milliseconds. */
export const BARRIER = {
  /** A barrier goes out when nothing was typed for this long … */
  quiet: 250,
  /** … and while somebody goes on typing, this often. */
  most: 1500,
  /** An answer carries the document's whole delete set. Wait longer in documents where it is big: so many bytes cost a
   * millisecond more, up to `slowest`. */
  bytesForEachMillisecond: 100,
  slowest: 8000,
} as const

/** The connection as the tracker sees it. */
interface Line {
  socket: WebSocket
  /** Whether the provider has answered the server's SyncStep1, so that all earlier edits are on their way. */
  answered: boolean
  /** For each SyncStep1 under way, oldest first: up to which edit its answer proves that all is saved. */
  questions: number[]
}

/** Follows the frames of a provider's socket and this tab's edits. Give it to `observedSocket`. */
export class SaveTracker implements FrameObserver {
  readonly #stepOne: () => Uint8Array<ArrayBuffer>
  readonly #changed: (state: SaveState) => void
  readonly #now: () => number
  /** The times of the edits that are not confirmed, oldest first; edit number `#confirmed + i + 1` is at index i. */
  #times: number[] = []
  #confirmed = 0
  #line: Line | null = null
  #timer: ReturnType<typeof setTimeout> | undefined
  #answerBytes = 0

  /**
   * @param stepOne encodes a whole SyncStep1 frame of the document as it is now
   * @param changed called after every change of the state
   */
  constructor(
    stepOne: () => Uint8Array<ArrayBuffer>,
    changed: (state: SaveState) => void,
    now: () => number = Date.now,
  ) {
    this.#stepOne = stepOne
    this.#changed = changed
    this.#now = now
  }

  get state(): SaveState {
    return {
      unsaved: this.#times.length,
      sending: this.#line?.answered === true,
      since: this.#times[0] ?? null,
    }
  }

  /** Tells that something was edited in this tab. Call it after the provider has had its turn to send the update. */
  edited(): void {
    this.#times.push(this.#now())
    this.#schedule()
    this.#changed(this.state)
  }

  made(socket: WebSocket): void {
    clearTimeout(this.#timer)
    this.#line = { socket, answered: false, questions: [] }
    this.#changed(this.state)
  }

  sent(socket: WebSocket, frame: Uint8Array): void {
    const line = this.#line
    if (line === null || line.socket !== socket) return
    const kind = kindOfFrame(frame)
    if (kind === 'step1') {
      line.questions.push(line.answered ? this.#edits : this.#confirmed)
    } else if (kind === 'step2' && !line.answered) {
      line.answered = true
      this.#changed(this.state)
      if (this.#times.length > 0) this.#ask()
    }
  }

  received(socket: WebSocket, frame: Uint8Array): void {
    const line = this.#line
    if (line === null || line.socket !== socket || kindOfFrame(frame) !== 'step2') return
    const covers = line.questions.shift()
    if (covers === undefined) return
    this.#answerBytes = frame.length
    if (covers > this.#confirmed) {
      this.#times.splice(0, covers - this.#confirmed)
      this.#confirmed = covers
      this.#changed(this.state)
    }
    this.#schedule()
  }

  closed(socket: WebSocket): void {
    if (this.#line?.socket !== socket) return
    this.#line = null
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#changed(this.state)
  }

  /** The number of the last edit. */
  get #edits(): number {
    return this.#confirmed + this.#times.length
  }

  /** Plans the next barrier: none while one is under way, since its answer plans again. */
  #schedule(): void {
    const line = this.#line
    if (line === null || !line.answered || this.#times.length === 0 || line.questions.length > 0) return
    const last = this.#times[this.#times.length - 1] ?? 0
    const first = this.#times[0] ?? 0
    const patience = Math.min(this.#answerBytes / BARRIER.bytesForEachMillisecond, BARRIER.slowest)
    const due = Math.min(last + BARRIER.quiet, first + BARRIER.most) + patience
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#ask(), Math.max(0, due - this.#now()))
  }

  #ask(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const line = this.#line
    if (line === null || line.socket.readyState !== line.socket.OPEN) return
    line.socket.send(this.#stepOne())
  }
}
