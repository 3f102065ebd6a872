/** A real weft with a data directory of its own, on a loopback port that the system chooses. */

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inject } from 'vitest'

const START_MILLISECONDS = 20_000
const STOP_MILLISECONDS = 20_000

/** One server; it can be stopped in any way and started again on the same data and the same port. */
export class Server {
  readonly #data: string
  readonly #flags: string[]
  #port = 0
  #child: ChildProcess | null = null
  #output = ''

  private constructor(data: string, flags: string[]) {
    this.#data = data
    this.#flags = flags
  }

  /** Starts a server on empty data. */
  static async start(...flags: string[]): Promise<Server> {
    const server = new Server(await mkdtemp(join(tmpdir(), 'weft-e2e-data-')), flags)
    await server.up()
    return server
  }

  get port(): number {
    return this.#port
  }

  /** The host and port of its admin listener, with the flag for that. */
  get admin(): string {
    return /admin on http:\/\/([^/]+)\//.exec(this.#output)?.[1] ?? ''
  }

  /** The address of the first page, with a slash at the end. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}/`
  }

  /** Starts it again. `port` 0 lets the system choose another one; by default it keeps the one it had. */
  async up(port = this.#port): Promise<void> {
    const args = ['dev', '--addr', `127.0.0.1:${port}`, '--data', this.#data, ...this.#flags]
    const child = spawn(inject('weft'), args, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    this.#output = ''
    this.#port = await new Promise<number>((resolve, reject) => {
      const late = setTimeout(
        () => reject(new Error(`weft did not start:\n${this.#output}`)),
        START_MILLISECONDS,
      )
      const read = (chunk: Buffer) => {
        this.#output += chunk.toString()
        const found = /listening on http:\/\/127\.0\.0\.1:(\d+)\//.exec(this.#output)
        if (found === null) return
        clearTimeout(late)
        resolve(Number(found[1]))
      }
      child.stdout.on('data', read)
      child.stderr.on('data', read)
      child.on('exit', (code) => {
        clearTimeout(late)
        reject(new Error(`weft ended with ${code}:\n${this.#output}`))
      })
    })
  }

  /** Ends the process with a signal and waits until it has gone. */
  async down(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const child = this.#child
    this.#child = null
    if (child === null || child.exitCode !== null) return
    const gone = new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => {
        child.kill('SIGKILL')
        reject(new Error(`weft did not end on ${signal}:\n${this.#output}`))
      }, STOP_MILLISECONDS)
      child.once('exit', () => {
        clearTimeout(late)
        resolve()
      })
    })
    child.kill(signal)
    await gone
  }

  /** Ends it and removes its data. */
  async remove(): Promise<void> {
    await this.down('SIGKILL')
    await rm(this.#data, { recursive: true, force: true })
  }

  /** How many WebSockets of y-websocket's dialect are open, as the admin listener says. One that is not has left its document. */
  async connections(): Promise<number> {
    const answer = await fetch(`http://${this.admin}/metrics`)
    const found = /^weft_connections\{dialect="y-websocket"\} (\d+)$/m.exec(await answer.text())
    if (found === null) throw new Error('no number of connections among the metrics')
    return Number(found[1])
  }

  /** The text of a document as the REST interface gives it. */
  async text(name: string): Promise<string> {
    const url = `${this.url}api/documents/${encodeURIComponent(name)}?root=content`
    const answer = await fetch(url, { headers: { Accept: 'text/plain' } })
    if (!answer.ok) throw new Error(`GET ${url}: ${answer.status} ${await answer.text()}`)
    return await answer.text()
  }
}
