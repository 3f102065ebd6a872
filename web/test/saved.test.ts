import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import * as syncProtocol from 'y-protocols/sync'
import { messageSync, WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { observedSocket } from '../src/editor/frames'
import { saveLabel } from '../src/editor/notice'
import { BARRIER, type SaveState, SaveTracker } from '../src/editor/saved'

/** A socket without a network: what is sent goes to a server in the same test. Handlers run last, as in a browser
 * when they are set last. */
class FakeSocket extends EventTarget {
  static last: FakeSocket
  readonly OPEN = 1
  readyState = 0
  binaryType = ''
  onopen: (() => void) | null = null
  onmessage: ((event: MessageEvent) => void) | null = null
  onclose: ((event: CloseEvent) => void) | null = null
  onerror: (() => void) | null = null
  server: FakeServer | null = null
  readonly url: string

  constructor(url: string) {
    super()
    this.url = url
    FakeSocket.last = this
  }

  send(data: Uint8Array): void {
    if (this.readyState !== 1) throw new Error('the socket is not open')
    const frame = data.slice()
    queueMicrotask(() => this.server?.receive(frame))
  }

  close(): void {
    this.readyState = 3
  }

  open(server: FakeServer): void {
    this.server = server
    this.readyState = 1
    server.socket = this
    this.dispatchEvent(new Event('open'))
    this.onopen?.()
  }

  deliver(frame: Uint8Array): void {
    const event = new MessageEvent('message', { data: frame.slice().buffer })
    this.dispatchEvent(event)
    this.onmessage?.(event)
  }

  lose(): void {
    this.readyState = 3
    const event = new CloseEvent('close', { code: 1006 })
    this.dispatchEvent(event)
    this.onclose?.(event as never)
  }
}

/** Answers as a server does, but can hold back what it says until the test lets it speak. */
class FakeServer {
  readonly doc = new Y.Doc()
  socket: FakeSocket | null = null
  holding = false
  /** Answers every SyncStep1 with all it has, so that answers are heavy. */
  wasteful = false
  asked = 0
  readonly #held: Uint8Array[] = []

  receive(frame: Uint8Array): void {
    const decoder = decoding.createDecoder(frame)
    if (decoding.readVarUint(decoder) !== messageSync) return
    if (frame[1] === 0) this.asked++
    if (frame[1] === 0 && this.wasteful) {
      this.stepTwo()
      return
    }
    const encoder = encoding.createEncoder()
    encoding.writeVarUint(encoder, messageSync)
    syncProtocol.readSyncMessage(decoder, encoder, this.doc, 'client')
    if (encoding.length(encoder) > 1) this.say(encoding.toUint8Array(encoder))
  }

  stepOne(): void {
    const encoder = encoding.createEncoder()
    encoding.writeVarUint(encoder, messageSync)
    syncProtocol.writeSyncStep1(encoder, this.doc)
    this.say(encoding.toUint8Array(encoder))
  }

  stepTwo(): void {
    const encoder = encoding.createEncoder()
    encoding.writeVarUint(encoder, messageSync)
    syncProtocol.writeSyncStep2(encoder, this.doc)
    this.say(encoding.toUint8Array(encoder))
  }

  say(frame: Uint8Array): void {
    if (this.holding) this.#held.push(frame)
    else this.socket?.deliver(frame)
  }

  release(count = Number.POSITIVE_INFINITY): void {
    for (const frame of this.#held.splice(0, count)) this.socket?.deliver(frame)
  }
}

class CloseEvent extends Event {
  readonly code: number
  readonly reason = ''
  constructor(type: string, init: { code: number }) {
    super(type)
    this.code = init.code
  }
}

function stepOne(doc: Y.Doc): Uint8Array<ArrayBuffer> {
  const encoder = encoding.createEncoder()
  encoding.writeVarUint(encoder, messageSync)
  syncProtocol.writeSyncStep1(encoder, doc)
  return encoding.toUint8Array(encoder)
}

/** The page's part that is under test: the real provider, the tracker on its socket. */
function makePage() {
  const doc = new Y.Doc()
  const states: SaveState[] = []
  const tracker = new SaveTracker(
    () => stepOne(doc),
    (state) => states.push(state),
  )
  const provider = new WebsocketProvider('ws://fake/sync', 'notes', doc, {
    WebSocketPolyfill: observedSocket(FakeSocket as unknown as typeof WebSocket, tracker),
    disableBc: true,
  })
  doc.on('update', (_update: Uint8Array, origin: unknown) => {
    if (origin !== provider) tracker.edited()
  })
  const text = doc.getText('content')
  const type = (letters: string) => text.insert(text.length, letters)
  const says = () => saveLabel('live', tracker.state, Date.now()).text
  return { doc, text, tracker, provider, states, type, says }
}

let page: ReturnType<typeof makePage>
let server: FakeServer

beforeEach(() => {
  vi.useFakeTimers()
  page = makePage()
  server = new FakeServer()
})

afterEach(() => {
  page.provider.destroy()
  vi.useRealTimers()
})

/** Lets everything arrive that is on its way. */
async function settle(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0)
}

async function connect(): Promise<void> {
  FakeSocket.last.open(server)
  await settle()
  server.stepOne()
  await settle()
}

async function release(count?: number): Promise<void> {
  server.release(count)
  await settle()
}

describe('the saved state', () => {
  test('an untouched page is saved and asks nothing', async () => {
    await connect()
    await vi.advanceTimersByTimeAsync(10_000)
    expect(page.says()).toBe('Saved')
    expect(server.asked).toBe(1) // the provider's own
  })

  test('says saving until the answer to the barrier is back', async () => {
    await connect()
    server.holding = true
    page.type('hello')
    expect(page.says()).toBe('Saving…')
    await vi.advanceTimersByTimeAsync(BARRIER.quiet)
    expect(server.asked).toBe(2)
    expect(server.doc.getText('content').toString()).toBe('hello')
    await vi.advanceTimersByTimeAsync(5000)
    expect(page.says()).toBe('Saving…') // it has arrived, but nobody said that it is durable
    await vi.advanceTimersByTimeAsync(5000)
    expect(page.says()).toBe('Still saving…')
    await release()
    expect(page.says()).toBe('Saved')
  })

  test('an update from others or an echo proves nothing', async () => {
    await connect()
    server.holding = true
    page.type('mine')
    await vi.advanceTimersByTimeAsync(BARRIER.quiet)
    server.holding = false
    const encoder = encoding.createEncoder()
    encoding.writeVarUint(encoder, messageSync)
    syncProtocol.writeUpdate(encoder, Y.encodeStateAsUpdate(server.doc))
    server.say(encoding.toUint8Array(encoder))
    await settle()
    expect(page.says()).toBe('Saving…')
    await release()
    expect(page.says()).toBe('Saved')
  })

  test('what is typed behind a barrier is not covered by its answer', async () => {
    await connect()
    server.holding = true
    page.type('first')
    await vi.advanceTimersByTimeAsync(BARRIER.quiet)
    page.type(' second')
    await release()
    expect(page.tracker.state.unsaved).toBe(1)
    expect(page.says()).toBe('Saving…')
    await vi.advanceTimersByTimeAsync(BARRIER.quiet)
    await release()
    expect(page.says()).toBe('Saved')
  })

  test('somebody who never pauses gets barriers all the same, one at a time', async () => {
    await connect()
    for (let i = 0; i < 60; i++) {
      page.type('x')
      await vi.advanceTimersByTimeAsync(100)
    }
    const barriers = server.asked - 1
    expect(barriers).toBeGreaterThanOrEqual(3)
    expect(barriers).toBeLessThanOrEqual(6)
  })

  test('while a barrier is under way no other is sent', async () => {
    await connect()
    server.holding = true
    for (let i = 0; i < 100; i++) {
      page.type('x')
      await vi.advanceTimersByTimeAsync(100)
    }
    expect(server.asked).toBe(2)
  })

  test('the answer to the provider’s own question proves nothing about edits from before', async () => {
    page.type('offline')
    expect(saveLabel('offline', page.tracker.state, Date.now()).text).toBe('1 edit not saved')
    server.holding = true
    await connect() // held: the answer to the provider's question, then the server's own
    await release(1)
    expect(page.tracker.state.unsaved).toBe(1)
    expect(server.doc.getText('content').toString()).toBe('')
    await release(1) // now the provider sends the offline edit, and the page its barrier behind it
    expect(server.doc.getText('content').toString()).toBe('offline')
    expect(server.asked).toBe(2)
    expect(page.says()).toBe('Saving…')
    await release()
    expect(page.says()).toBe('Saved')
  })

  test('typing between the connection and the server’s question is not taken for saved', async () => {
    page.type('before ')
    server.holding = true
    FakeSocket.last.open(server)
    page.type('after')
    await vi.advanceTimersByTimeAsync(BARRIER.most)
    await release() // the answer to the provider's question, asked before either edit was on its way
    expect(page.tracker.state.unsaved).toBe(2)
    server.stepOne()
    await release()
    await release()
    expect(page.says()).toBe('Saved')
    expect(server.doc.getText('content').toString()).toBe('before after')
  })

  test('an answer that is lost with its connection proves nothing', async () => {
    await connect()
    server.holding = true
    page.type('hello')
    await vi.advanceTimersByTimeAsync(BARRIER.quiet)
    const first = FakeSocket.last
    first.lose()
    expect(page.tracker.state).toMatchObject({ unsaved: 1, sending: false })
    await release() // too late: spoken on the old connection
    expect(page.tracker.state.unsaved).toBe(1)
    await vi.advanceTimersByTimeAsync(3000)
    expect(FakeSocket.last).not.toBe(first)
    server = new FakeServer() // restarted, and it has lost what was never acknowledged
    await connect()
    expect(server.doc.getText('content').toString()).toBe('hello')
    expect(page.says()).toBe('Saved')
  })

  test('an old connection that speaks late says nothing about the new one', async () => {
    await connect()
    server.holding = true
    page.type('hello')
    await vi.advanceTimersByTimeAsync(BARRIER.quiet)
    const first = FakeSocket.last
    const late = new FakeServer()
    first.lose()
    await vi.advanceTimersByTimeAsync(3000)
    const old = server
    server = late
    await connect()
    page.type(' world')
    late.holding = true
    await vi.advanceTimersByTimeAsync(BARRIER.quiet)
    expect(page.tracker.state.unsaved).toBe(1)
    old.release()
    expect(page.tracker.state.unsaved).toBe(1)
    await release()
    expect(page.says()).toBe('Saved')
  })

  test('an edit on a closing socket is not covered', async () => {
    await connect()
    server.holding = true
    page.type('sent')
    await vi.advanceTimersByTimeAsync(BARRIER.quiet)
    FakeSocket.last.readyState = 2
    page.type(' not sent')
    await release()
    expect(page.tracker.state.unsaved).toBe(1)
    await vi.advanceTimersByTimeAsync(BARRIER.most)
    expect(page.tracker.state.unsaved).toBe(1)
  })

  test('barriers get rarer where answers are heavy', async () => {
    server.doc.getText('other').insert(0, 'x'.repeat(400_000))
    server.wasteful = true
    await connect()
    const before = server.asked
    for (let i = 0; i < 60; i++) {
      page.type('x')
      await vi.advanceTimersByTimeAsync(100)
    }
    expect(server.asked - before).toBeLessThanOrEqual(2)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(page.says()).toBe('Saved')
  })
})
