/** A real Prometheus that scrapes a weft each second, with the alert rules that are shipped. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** One line of a panel: its labels, and its values by time in seconds. What is not a number is left out. */
export interface Series {
  labels: Record<string, string>
  points: [number, number][]
}

export interface Rule {
  name: string
  /** firing, pending or inactive. */
  state: string
  health: string
  lastError?: string
  evaluationTime: number
  lastEvaluation: string
}

interface Answer<T> {
  status: string
  error?: string
  data: T
}

/** Whether a program is there. */
export function installed(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'pipe' })
    return true
  } catch {
    return false
  }
}

export class Prometheus {
  readonly #folder: string
  readonly #port: number
  readonly #child: ChildProcess
  #output = ''

  private constructor(folder: string, port: number) {
    this.#folder = folder
    this.#port = port
    const args = [`--config.file=${folder}/prometheus.yml`, `--storage.tsdb.path=${folder}/data`]
    args.push(`--web.listen-address=127.0.0.1:${port}`, '--log.level=warn')
    this.#child = spawn('prometheus', args, { stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#output += chunk.toString()
      })
    }
  }

  /** Starts one on empty data, and waits until it serves. */
  static async start(target: string, rules: string): Promise<Prometheus> {
    const folder = await mkdtemp(join(tmpdir(), 'weft-prometheus-'))
    const config = {
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: [rules],
      scrape_configs: [{ job_name: 'weft', static_configs: [{ targets: [target] }] }],
    }
    await writeFile(join(folder, 'prometheus.yml'), JSON.stringify(config)) // which is YAML too
    const prometheus = new Prometheus(folder, await freePort())
    const deadline = Date.now() + 20_000
    for (;;) {
      const ready = await fetch(`${prometheus.#url}/-/ready`).catch(() => undefined)
      if (ready?.ok) return prometheus
      if (Date.now() > deadline || prometheus.#child.exitCode !== null) {
        await prometheus.stop()
        throw new Error(`Prometheus did not start:\n${prometheus.#output}`)
      }
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  get #url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  /** Evaluates an expression for each second of a time, in seconds since 1970. */
  async range(expression: string, from: number, to: number): Promise<Series[]> {
    const query = { query: expression, start: String(from), end: String(to), step: '1' }
    type Result = { metric: Record<string, string>; values: [number, string][] }
    const { result } = await this.#ask<{ result: Result[] }>('query_range', query)
    return result.map(({ metric, values }) => ({
      labels: metric,
      points: values
        .map(([at, value]): [number, number] => [at, Number(value)])
        .filter(([, n]) => Number.isFinite(n)),
    }))
  }

  /** The values of a label of a metric, which is what Grafana's label_values asks for. */
  async labelValues(metric: string, label: string): Promise<string[]> {
    return await this.#ask<string[]>(`label/${label}/values`, { 'match[]': metric })
  }

  /** The alert rules that it has, and how it is with them. */
  async rules(): Promise<Rule[]> {
    const { groups } = await this.#ask<{ groups: { rules: Rule[] }[] }>('rules', { type: 'alert' })
    return groups.flatMap((group) => group.rules)
  }

  /** Ends it and removes its data. */
  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const gone = new Promise((resolve) => this.#child.once('exit', resolve))
      this.#child.kill('SIGTERM')
      const late = setTimeout(() => this.#child.kill('SIGKILL'), 10_000)
      await gone
      clearTimeout(late)
    }
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #ask<T>(path: string, query: Record<string, string>): Promise<T> {
    const answer = await fetch(`${this.#url}/api/v1/${path}?${new URLSearchParams(query)}`)
    const body = (await answer.json()) as Answer<T>
    if (body.status !== 'success') throw new Error(`${query.query ?? path}: ${body.error}`)
    return body.data
  }
}

async function freePort(): Promise<number> {
  const listener = createServer()
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const { port } = listener.address() as AddressInfo
  await new Promise((resolve) => listener.close(resolve))
  return port
}
