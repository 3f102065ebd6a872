import { join } from 'node:path'
import type { Browser, BrowserContext, Page, WebSocketRoute } from 'playwright-core'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launch } from './browser'
import { Server } from './server'

let server: Server
let browser: Browser
let script: string

beforeAll(async () => {
  server = await Server.start('--admin', '127.0.0.1:0')
  browser = await launch()
  const entry = join(import.meta.dirname, 'tab.page.ts')
  const built = await build({
    configFile: false,
    logLevel: 'warn',
    build: { write: false, minify: false, lib: { entry, formats: ['iife'], name: 'page' } },
  })
  const outputs = Array.isArray(built) ? built : [built]
  const chunk = outputs.flatMap((o) => ('output' in o ? o.output : [])).find((o) => o.type === 'chunk')
  if (chunk?.type !== 'chunk') throw new Error('vite built no script for the page')
  script = chunk.code
})

afterAll(async () => {
  await browser?.close()
  await server?.remove()
})

/** How long what happens soon may take on a machine that is busy. It only passes when a test fails. */
const soon = { timeout: 20_000 }

/** A tab with a provider in it, and a network that can be taken from it alone. */
class Tab {
  readonly page: Page
  readonly id: number
  readonly #routes: Set<WebSocketRoute>
  readonly #network: { blocked: boolean }

  private constructor(page: Page, id: number, routes: Set<WebSocketRoute>, network: { blocked: boolean }) {
    this.page = page
    this.id = id
    this.#routes = routes
    this.#network = network
  }

  static async open(context: BrowserContext, document: string, user: string): Promise<Tab> {
    const page = await context.newPage()
    const routes = new Set<WebSocketRoute>()
    const network = { blocked: false }
    await page.routeWebSocket(/\/sync\//, (route) => {
      if (network.blocked) {
        route.close({ code: 1001 })
        return
      }
      const onward = route.connectToServer()
      routes.add(route)
      onward.onClose((code, reason) => {
        routes.delete(route)
        route.close({ code, reason })
      })
    })
    await page.goto(`${server.url}healthz`) // any page of the server's, with nothing on it
    await page.evaluate(script)
    const id = await page.evaluate(([name, who]) => window.open_tab(name ?? '', who ?? ''), [document, user])
    await expect.poll(() => page.evaluate(() => window.tab.provider.synced), soon).toBe(true)
    return new Tab(page, id, routes, network)
  }

  /** Who this tab sees, by id. */
  async sees(): Promise<Record<string, unknown>> {
    return this.page.evaluate(() =>
      Object.fromEntries(
        [...window.tab.provider.awareness.getStates()].map(([id, state]) => [id, state.user]),
      ),
    )
  }

  /** The ids that went away before this tab, and came back, with for how long each was away; null for those that did not. */
  async absences(): Promise<{ id: number; milliseconds: number | null }[]> {
    return this.page.evaluate(() =>
      window.tab.gone.map(({ id, at }) => {
        const back = window.tab.came.find((c) => c.id === id && c.at >= at)
        return { id, milliseconds: back === undefined ? null : back.at - at }
      }),
    )
  }

  isConnected(): Promise<boolean> {
    return this.page.evaluate(() => window.tab.provider.wsconnected)
  }

  /** Takes the network from this tab, in the middle of what it does. The server has noticed when it returns. */
  async block(): Promise<void> {
    const connections = await server.connections()
    this.#network.blocked = true
    for (const route of this.#routes) await route.close({ code: 1001 })
    await expect.poll(() => this.isConnected(), soon).toBe(false)
    await expect.poll(() => server.connections(), soon).toBe(connections - 1)
  }

  unblock(): void {
    this.#network.blocked = false
  }
}

describe('two tabs of one browser, which speak for each other', () => {
  test('one loses its socket: nobody’s cursor stays away, and no ghost stays when the tabs are closed', async () => {
    const home = await browser.newContext()
    const elsewhere = await browser.newContext()
    const grace = await Tab.open(elsewhere, 'tabs', 'grace')
    const one = await Tab.open(home, 'tabs', 'one')
    const two = await Tab.open(home, 'tabs', 'two')
    const everybody = { [grace.id]: 'grace', [one.id]: 'one', [two.id]: 'two' }
    for (const tab of [grace, one, two]) await expect.poll(() => tab.sees(), soon).toEqual(everybody)

    await two.block()
    // Through the other tab it is still seen, with what it does now. What it writes reaches the other tab, which tells
    // the server about awareness only.
    await two.page.evaluate(() =>
      window.tab.doc.getText('content').insert(0, 'from the tab without a socket'),
    )
    await two.page.evaluate(() => window.tab.provider.awareness.setLocalState({ user: 'two, typing' }))
    const now = { ...everybody, [two.id]: 'two, typing' }
    for (const tab of [grace, one, two]) await expect.poll(() => tab.sees(), soon).toEqual(now)
    const written = () => one.page.evaluate(() => window.tab.doc.getText('content').toString())
    await expect.poll(written, soon).toBe('from the tab without a socket')
    expect(await two.isConnected()).toBe(false)
    // Beyond the next renewal, and the look for who has gone silent, everybody is still there.
    await grace.page.waitForTimeout(20_000)
    for (const tab of [grace, one, two]) expect(await tab.sees()).toEqual(now)
    for (const away of await grace.absences()) {
      expect(away.id, 'who was away for a moment').toBe(two.id)
      expect(away.milliseconds, 'for how long').toBeLessThan(1000)
    }

    // The tab comes back, and the other one loses its socket: the same the other way round.
    two.unblock()
    await expect.poll(() => two.isConnected(), soon).toBe(true)
    await expect.poll(() => server.text('tabs'), soon).toBe('from the tab without a socket')
    await one.block()
    await one.page.evaluate(() => window.tab.provider.awareness.setLocalState({ user: 'one, blocked' }))
    for (const tab of [grace, one, two]) {
      await expect.poll(() => tab.sees(), soon).toEqual({ ...now, [one.id]: 'one, blocked' })
    }

    // A tab that has no socket is closed without a word: it goes by silence, and nobody else does.
    await one.page.close()
    await expect
      .poll(() => grace.sees(), { timeout: 45_000 })
      .toEqual({
        [grace.id]: 'grace',
        [two.id]: 'two, typing',
      })
    await expect
      .poll(() => two.sees(), { timeout: 45_000 })
      .toEqual({
        [grace.id]: 'grace',
        [two.id]: 'two, typing',
      })
    // One that has a socket goes with it, at once.
    await two.page.close()
    await expect.poll(() => grace.sees(), { timeout: 3000 }).toEqual({ [grace.id]: 'grace' })
    await home.close()
    await elsewhere.close()
  }, 150_000)
})
