/**
 * Watches the frames on a provider's own WebSocket. The provider stays unmodified: it is given a socket class whose
 * `send` reports, after sending, and which reports what arrives before the provider handles it.
 */

/** Told of every frame, in the order of the wire. */
export interface FrameObserver {
  /** A socket was made; nothing has been sent on it. It may never open. */
  made(socket: WebSocket): void
  sent(socket: WebSocket, frame: Uint8Array): void
  received(socket: WebSocket, frame: Uint8Array): void
  closed(socket: WebSocket): void
}

/** A WebSocket class that behaves as `Base` and reports to the observer. */
export function observedSocket(Base: typeof WebSocket, observer: FrameObserver): typeof WebSocket {
  return class ObservedSocket extends Base {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols)
      observer.made(this)
      this.addEventListener('close', () => observer.closed(this))
      this.addEventListener('message', (event: MessageEvent) => {
        const frame = bytesOf(event.data)
        if (frame !== null) observer.received(this, frame)
      })
    }

    override send(data: string | ArrayBufferLike | Blob | ArrayBufferView<ArrayBufferLike>): void {
      super.send(data as Parameters<WebSocket['send']>[0])
      const frame = bytesOf(data)
      if (frame !== null) observer.sent(this, frame)
    }
  }
}

function bytesOf(data: unknown): Uint8Array | null {
  if (data instanceof Uint8Array) return data
  if (data instanceof ArrayBuffer) return new Uint8Array(data)
  return null
}

/** What a frame of the y-websocket dialect is, as far as saving is concerned. */
export type FrameKind = 'step1' | 'step2' | 'update' | 'other'

/** Reads the kind off the first two bytes; both numbers are below 128 in every frame that means something here. */
export function kindOfFrame(frame: Uint8Array): FrameKind {
  if (frame[0] !== 0) return 'other'
  return (['step1', 'step2', 'update'] as const)[frame[1] ?? 3] ?? 'other'
}
