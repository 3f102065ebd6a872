// A weft process of our own: started on a free port with a data directory of its own, killed, started again on both.
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const repository = fileURLToPath(new URL('../../', import.meta.url))

let built

/** The binary: the one that WEFT_BIN names, else one that is built now and removed at exit. */
export const binary = () => {
  if (process.env.WEFT_BIN) return resolve(process.env.WEFT_BIN)
  if (!built) {
    const folder = mkdtempSync(join(tmpdir(), 'weft-bin-'))
    process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
    built = join(folder, 'weft')
    execFileSync('go', ['build', '-o', built, './cmd/weft'], { cwd: repository, stdio: 'inherit' })
  }
  return built
}

/** A server process that prints the address it listens on. */
export class Server {
  /** command(port, data) gives the program and its arguments; port 0 means any. */
  constructor (command) {
    this.command = command
    this.data = mkdtempSync(join(tmpdir(), 'weft-data-'))
    this.port = 0
    this.log = ''
    this.stopAtExit = () => this.child?.kill('SIGKILL')
    process.on('exit', this.stopAtExit)
  }

  async start () {
    const [program, ...args] = this.command(this.port, this.data)
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.child = child
    this.ended = new Promise((done) => child.once('exit', (code, signal) => done({ code, signal })))
    let out = ''
    const listening = new Promise((found) => {
      const read = (chunk) => {
        out += chunk
        this.log = (this.log + chunk).slice(-20000)
        const address = /listening on http:\/\/127\.0\.0\.1:(\d+)\//.exec(out)
        if (address) found(Number(address[1]))
      }
      child.stdout.on('data', read)
      child.stderr.on('data', read)
    })
    const late = new Promise((give) => setTimeout(give, 30000, 'late').unref())
    const port = await Promise.race([listening, this.ended, late])
    if (typeof port !== 'number') throw new Error(`the server did not start (${JSON.stringify(port)}):\n${this.log}`)
    this.port = port
    return this
  }

  get http () {
    return `http://127.0.0.1:${this.port}`
  }

  get ws () {
    return `ws://127.0.0.1:${this.port}`
  }

  /** kill -9, and waits until the process is gone. */
  async kill () {
    this.child.kill('SIGKILL')
    return this.ended
  }

  /** Asks the process to stop. Resolves with how it ended. */
  async halt () {
    this.child.kill('SIGTERM')
    return this.ended
  }

  /** The same, and removes its data. */
  async stop () {
    const end = await this.halt()
    process.off('exit', this.stopAtExit)
    rmSync(this.data, { recursive: true, force: true })
    return end
  }
}

/** A weft server, not started yet. */
export const weft = (...flags) => new Server((port, data) => [binary(), 'dev', '--addr', `127.0.0.1:${port}`, '--data', data, ...flags])
