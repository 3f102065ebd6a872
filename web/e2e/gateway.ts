/** A proxy in front of weft that can refuse WebSockets, as some networks do, and let everything else through. */

import { createServer, type Server as HTTPServer, request } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'

/** A gateway on a loopback port. */
export class Gateway {
  /** Whether WebSockets are refused with 403. */
  refusing: boolean
  /** How long what a WebSocket carries to the server is under way, beyond the loopback. */
  uplinkMilliseconds = 0
  readonly #server: HTTPServer
  readonly #sockets = new Set<Socket>()
  /** Those of the sockets that lead to weft. */
  readonly #servers = new Set<Socket>()
  #upgrades = 0
  #swallowing = false

  private constructor(target: number, refusing: boolean) {
    this.refusing = refusing
    this.#server = createServer((incoming, outgoing) => {
      const { method, url, headers } = incoming
      const onward = request({ host: '127.0.0.1', port: target, method, path: url, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(outgoing)
      })
      onward.on('error', () => outgoing.destroy())
      outgoing.on('close', () => onward.destroy())
      incoming.pipe(onward)
    })
    this.#server.on('upgrade', (incoming, socket: Socket, head) => {
      this.#upgrades++
      if (this.refusing) {
        socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
        return
      }
      const lines = [`GET ${incoming.url} HTTP/1.1`]
      for (let i = 0; i < incoming.rawHeaders.length; i += 2) {
        lines.push(`${incoming.rawHeaders[i]}: ${incoming.rawHeaders[i + 1]}`)
      }
      const onward = connect(target, '127.0.0.1', () => {
        onward.write(`${lines.join('\r\n')}\r\n\r\n`)
        onward.write(head)
        onward.pipe(socket)
        socket.on('data', (bytes) => {
          if (this.#swallowing) return
          if (this.uplinkMilliseconds === 0) onward.write(bytes)
          else setTimeout(() => onward.writable && onward.write(bytes), this.uplinkMilliseconds)
        })
        socket.on('end', () => onward.end())
      })
      this.#servers.add(onward)
      onward.on('close', () => this.#servers.delete(onward))
      this.#keep(socket, onward)
    })
  }

  static async start(target: number, refusing = false): Promise<Gateway> {
    const gateway = new Gateway(target, refusing)
    await new Promise<void>((resolve) => gateway.#server.listen(0, '127.0.0.1', resolve))
    return gateway
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`
  }

  /** How many WebSockets were asked for. */
  get upgrades(): number {
    return this.#upgrades
  }

  /** Holds back what the WebSockets bring from the server, or lets it through again. */
  hold(holding: boolean): void {
    for (const socket of this.#servers) {
      if (holding) socket.pause()
      else socket.resume()
    }
  }

  /** Loses what the WebSockets carry to the server, as a network does that has died without a word. Cut them then. */
  swallow(swallowing: boolean): void {
    this.#swallowing = swallowing
  }

  /** Breaks every WebSocket that goes through. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async stop(): Promise<void> {
    this.cut()
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #keep(...pair: Socket[]): void {
    for (const socket of pair) {
      this.#sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        this.#sockets.delete(socket)
        for (const other of pair) other.destroy()
      })
    }
  }
}
