// nginx and Caddy with the very files of server/deploy, in front of a weft: only addresses, ports, and the paths of
// certificates and logs are others. NGINX and CADDY name other binaries than those that PATH finds.
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { get } from 'node:https'
import WebSocket from 'ws'
import { until } from './until.mjs'

const deployed = (name) => readFileSync(new URL(`../../server/deploy/${name}`, import.meta.url), 'utf8')

/** A text in which each of the parts, which has to be there once, is replaced. */
const replaced = (text, parts) => {
  for (const [from, to] of parts) {
    assert.equal(text.split(from).length, 2, `the configuration has ${JSON.stringify(from)} once`)
    text = text.replace(from, () => to)
  }
  return text
}

const freePort = () =>
  new Promise((found, fail) => {
    const listener = createServer().on('error', fail)
    listener.listen(0, '127.0.0.1', () => {
      const { port } = listener.address()
      listener.close(() => found(port))
    })
  })

/** A proxy in front of the weft that listens on a port. */
class Proxy {
  constructor (target) {
    [this.program] = this.constructor.programs
    this.target = target
    this.folder = mkdtempSync(join(tmpdir(), 'weft-proxy-'))
    this.log = ''
    this.stopAtExit = () => this.child?.kill('SIGKILL')
    process.on('exit', this.stopAtExit)
  }

  async start () {
    this.port = await freePort()
    const [args, env] = this.configure()
    this.child = spawn(this.program, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    this.ended = new Promise((done) => this.child.once('exit', (code, signal) => done({ code, signal })))
    let end
    this.ended.then((how) => {
      end = how
    })
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.on('data', (chunk) => {
        this.log += chunk
      })
    }
    await until(`${this.program} to answer`, async () => {
      if (end) return true
      return existsSync(this.authority) && (await this.fetch('/readyz')).status === 200
    }).catch((e) => {
      throw new Error(`${e.message}\n${this.log}`, { cause: e })
    })
    if (end) throw new Error(`${this.program} ended with ${JSON.stringify(end)}:\n${this.log}`)
    // A provider makes its sockets without options: these know whom to trust, and come from the page that weft serves.
    const options = { ...this.trust, origin: this.http }
    this.Socket = class extends WebSocket {
      constructor (url, protocols) {
        super(url, protocols, options)
      }
    }
    return this
  }

  get http () {
    return `https://localhost:${this.port}`
  }

  get ws () {
    return `wss://localhost:${this.port}`
  }

  get trust () {
    return { ca: readFileSync(this.authority), family: 4 }
  }

  /** Asks for a path; the answer as it comes, its body not read. */
  open (path, headers = {}) {
    return new Promise((answer, fail) => {
      get(this.http + path, { headers, agent: false, ...this.trust }, answer).on('error', fail)
    })
  }

  /** Asks for a path, and reads all of the answer. */
  async fetch (path, headers) {
    const answer = await this.open(path, headers)
    const chunks = []
    for await (const chunk of answer) chunks.push(chunk)
    return { status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks) }
  }

  async stop () {
    this.child?.kill('SIGTERM')
    const late = setTimeout(() => this.child?.kill('SIGKILL'), 10000)
    const end = await this.ended
    clearTimeout(late)
    process.off('exit', this.stopAtExit)
    rmSync(this.folder, { recursive: true, force: true })
    return end
  }
}

export class Nginx extends Proxy {
  static programs = [process.env.NGINX ?? 'nginx', 'openssl']

  constructor (target) {
    super(target)
    this.authority = join(this.folder, 'certificate.pem')
  }

  configure () {
    const { folder, port, target, authority } = this
    const key = join(folder, 'key.pem')
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-days', '2']
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
    execFileSync('openssl', ['req', '-x509', ...curve, ...subject, '-keyout', key, '-out', authority], { stdio: 'pipe' })
    const site = replaced(deployed('nginx.conf'), [
      ['server 127.0.0.1:8080;', `server 127.0.0.1:${target};`],
      ['listen 443 ', `listen 127.0.0.1:${port} `],
      ['server_name notes.example.com;', 'server_name localhost;'],
      ['/etc/ssl/notes.example.com.pem', authority],
      ['/etc/ssl/notes.example.com.key', key],
      ['/var/log/nginx/weft.log', join(folder, 'access.log')]
    ])
    const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    writeFileSync(join(folder, 'nginx.conf'), `
      daemon off; master_process off; pid ${join(folder, 'pid')}; error_log ${join(folder, 'error.log')};
      events {}
      http {
        ${kinds.map((kind) => `${kind}_temp_path ${join(folder, kind)};`).join(' ')}
        ${site}
      }`)
    return [['-p', folder, '-e', join(folder, 'error.log'), '-c', join(folder, 'nginx.conf')], {}]
  }

  logs () {
    return readFileSync(join(this.folder, 'access.log'), 'utf8')
  }
}

export class Caddy extends Proxy {
  static programs = [process.env.CADDY ?? 'caddy']

  constructor (target) {
    super(target)
    this.authority = join(this.folder, 'caddy/pki/authorities/local/root.crt')
  }

  configure () {
    const { folder, port, target } = this
    const site = replaced(deployed('Caddyfile'), [
      // Nothing but this port is opened, and nothing outside the folder written.
      ['{\n\t# Accesses', '{\nadmin off\nskip_install_trust\nauto_https disable_redirects\ndefault_bind 127.0.0.1\n# Accesses'],
      ['notes.example.com {', `localhost:${port} {`],
      ['127.0.0.1:8080', `127.0.0.1:${target}`]
    ])
    mkdirSync(join(folder, 'caddy'))
    writeFileSync(join(folder, 'Caddyfile'), site)
    const args = ['run', '--adapter', 'caddyfile', '--config', join(folder, 'Caddyfile')]
    return [args, { HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder }]
  }

  // All that Caddy says: it logs to standard error.
  logs () {
    return this.log
  }
}
