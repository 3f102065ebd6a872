/** The dashboard and the alerts that are shipped, fed by a real Prometheus from a weft under load. */

import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { nameOf, type Panel, page, type Shown } from './board'
import { launch } from './browser'
import { installed, Prometheus, type Rule } from './prometheus'
import { Server } from './server'

const run = promisify(execFile)
const shipped = join(import.meta.dirname, '../../server/dashboards')
const rules = join(shipped, 'alerts.yml')
const pictures = process.env.WEFT_PICTURES

/** Four scrapes, as Grafana chooses it. */
const RATE_INTERVAL = '4s'

/**
 * Lines that a healthy server draws along zero, or not at all where the expression leaves zeros out. All others have to
 * show the load.
 */
const QUIET: Record<string, string> = {
  'Refused and held back: {{code}} {{reason}}': 'nobody is turned away',
  'Refused and held back: held to {{rate}}': 'nobody is held back',
  'Updates and acknowledgements: rejected': 'everybody may write',
  'Coming and going: parked': 'nobody is refused',
  'Coming and going: cut': 'everybody reads',
  'Slow readers: connections behind': 'everybody reads',
  'Slow readers: frames from the log a second': 'everybody reads',
  'Slow readers: viewers reset a second': 'nobody was away for long',
  'Waiting frames: in outboxes': 'they are gone before they are counted',
  'Waiting frames: for the disk': 'as before',
  'Waiting bytes: in outboxes': 'as before',
  'Waiting bytes: large messages': 'no message is large',
  'Waiting bytes: before authorisation': 'everybody is let in at once',
  'Waiting bytes: for the disk': 'they are gone before they are counted',
  'fsync: under way': 'it is over before it is counted',
  'Compaction: snapshots': 'no log is long enough',
  'Compaction: failed': 'none fails',
  'Compaction: stalls': 'the store keeps up',
  'Documents: loading': 'it is over before it is counted',
  'Documents: evicted a second': 'memory is not short',
  'Documents: failed a second': 'none fails',
}

/** Alerts that a slow machine may come near in a test; none is that slow for so long that it fires. */
const OF_THE_MACHINE = ['WeftDiskStalls', 'WeftDiskSlow', 'WeftSlowToDeliver']

let server: Server
let prometheus: Prometheus
let from: number
let to: number

/** Loads the server by its own generator: editors of one dialect that come and go, viewers beside editors of the other. */
async function load(folder: string): Promise<void> {
  const bench = (name: string, ...flags: string[]) =>
    run(inject('weft'), ['bench', '--plain', '--target', server.url, '--out', join(folder, name), ...flags], {
      timeout: 60_000,
    })
  await Promise.all([
    bench('editors', '--scenarios', 'mixed-day', '--dialect', 'hocuspocus', '--path', 'collab'),
    bench('viewers', '--scenarios', 'viewers'),
  ])
  if (pictures) await bench('more', '--scenarios', 'mixed-day,viewers,rooms')
}

/** Waits until Prometheus says so, and returns what it said. */
async function until<T>(what: string, ask: () => Promise<T>, right: (got: T) => boolean): Promise<T> {
  const deadline = Date.now() + 20_000
  for (;;) {
    const got = await ask()
    if (right(got)) return got
    if (Date.now() > deadline) throw new Error(`waited for ${what}: ${JSON.stringify(got)}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

describe.skipIf(!installed('prometheus'))('the dashboard, where Prometheus is installed', () => {
  beforeAll(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'weft-load-'))
    server = await Server.start('--admin', '127.0.0.1:0', '--messages-per-second=-1', '--bytes-per-second=-1')
    prometheus = await Prometheus.start(server.admin, rules)
    const scraped = (since: number) => async () =>
      (await prometheus.range('up{job="weft"} == 1', since, Date.now() / 1000)).length
    from = Date.now() / 1000
    await until('the first scrape', scraped(from), (n) => n > 0)
    await load(folder)
    await rm(folder, { recursive: true, force: true })
    to = Date.now() / 1000
    const now = Math.ceil(to) + 1
    const after = () => prometheus.range('timestamp(weft_ready)', now, now + 1)
    await until('a scrape after the load', after, (s) =>
      s.some(({ points }) => points.some(([, at]) => at > to)),
    )
  })

  afterAll(async () => {
    await prometheus?.stop()
    await server?.remove()
  })

  test('every panel shows the load', async () => {
    const board = JSON.parse(await readFile(join(shipped, 'weft.json'), 'utf8')) as {
      title: string
      panels: Panel[]
      templating: { list: { definition?: string }[] }
    }
    for (const { definition } of board.templating.list) {
      if (definition === undefined) continue
      const [, metric = '', label = ''] = /^label_values\((\w+), (\w+)\)$/.exec(definition) ?? []
      expect(await prometheus.labelValues(metric, label), definition).toEqual([server.admin])
    }

    const shown: Shown[] = []
    const silent: string[] = []
    const known = new Set<string>()
    for (const panel of board.panels) {
      const lines: Shown['lines'] = []
      for (const { expr, legendFormat } of panel.targets ?? []) {
        const query = expr.replaceAll('$__rate_interval', RATE_INTERVAL).replaceAll('$instance', '.*')
        expect(query).not.toContain('$')
        const series = await prometheus.range(query, from, to)
        lines.push(...series.map(({ labels, points }) => ({ name: nameOf(legendFormat, labels), points })))
        const key = `${panel.title}: ${legendFormat}`
        known.add(key)
        const least = key in QUIET ? -1 : 0
        const drawn = series.some(({ points }) => points.some(([, n]) => n > least))
        if (!drawn && !(key in QUIET && expr.endsWith(' > 0'))) silent.push(key)
      }
      expect(new Set(lines.map((line) => line.name)).size, `${panel.title}: lines of one name`).toBe(
        lines.length,
      )
      shown.push({ panel, lines })
    }
    expect(silent, 'what shows nothing of the load').toEqual([])
    expect(
      Object.keys(QUIET).filter((key) => !known.has(key)),
      'what is quiet and not there',
    ).toEqual([])

    const browser = await launch()
    try {
      const tab = await browser.newPage({ viewport: { width: 1460, height: 900 } })
      await tab.setContent(page(board.title, shown, from, to))
      expect(await tab.locator('h2').allTextContents()).toEqual(board.panels.map((panel) => panel.title))
      const drawn = board.panels.filter(
        (panel) => panel.type === 'timeseries' && panel.title !== 'Refused and held back',
      )
      expect(await tab.locator('svg').count()).toBeGreaterThanOrEqual(drawn.length)
      if (pictures) await tab.screenshot({ path: join(pictures, 'dashboard.png'), fullPage: true })
    } finally {
      await browser.close()
    }
  })

  test('every alert is evaluated, none fires, and one notices when the server is gone', async () => {
    const names = [...(await readFile(rules, 'utf8')).matchAll(/^ +- alert: (\w+)$/gm)].map(
      ([, name]) => name,
    )
    const evaluated = (all: Rule[]) =>
      all.length > 0 && all.every((rule) => Date.parse(rule.lastEvaluation) / 1000 > to)
    const found = await until('all rules to be evaluated', () => prometheus.rules(), evaluated)
    expect(found.map((rule) => rule.name)).toEqual(names)
    expect(found.filter((rule) => rule.health !== 'ok' || rule.lastError)).toEqual([])
    const quiet = (rule: Rule) =>
      rule.state === 'inactive' || (rule.state === 'pending' && OF_THE_MACHINE.includes(rule.name))
    expect(found.filter((rule) => !quiet(rule))).toEqual([])

    await server.down()
    const down = (all: Rule[]) => all.some((rule) => rule.name === 'WeftDown' && rule.state === 'pending')
    await until('an alert', () => prometheus.rules(), down)
  })

  test.skipIf(!installed('promtool'))('promtool has nothing to say about the rules', async () => {
    const { stdout } = await run('promtool', ['check', 'rules', rules])
    expect(stdout).toMatch(/SUCCESS: \d+ rules found/)
  })
})
