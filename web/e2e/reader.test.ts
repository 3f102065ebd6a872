import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launch, Person, says } from './browser'
import { Server } from './server'

let server: Server
let browser: Browser

beforeAll(async () => {
  server = await Server.start()
  browser = await launch()
})

afterAll(async () => {
  await browser?.close()
  await server?.remove()
})

/** The text on a reader's page. */
function textOf(reader: Person): Promise<string> {
  return reader.page.evaluate(() =>
    [...document.querySelectorAll('#sheet .line')].map((line) => line.textContent).join('\n'),
  )
}

describe('the reader', () => {
  test('follows live without Yjs and without a WebSocket, and glows where it changed', async () => {
    const ada = await Person.arrive(browser, 'Ada')
    const reader = await Person.arrive(browser)
    let sockets = 0
    const scripts: Promise<string>[] = []
    reader.page.on('websocket', () => sockets++)
    reader.page.on('response', (response) => {
      if (response.url().endsWith('.js')) scripts.push(response.text())
    })
    await ada.open(server.url, 'live')
    await reader.page.goto(`${server.url}r/live`)
    await says(reader.page.locator('#state'), 'Live')
    await says(reader.page.locator('#empty'), /Nothing has been written/)

    await ada.type('# Live\n\nEvery word 🦦 arrives.')
    await expect.poll(() => textOf(reader)).toBe('# Live\n\nEvery word 🦦 arrives.')
    await reader.page.locator('mark.fresh').first().waitFor()
    await reader.shoot('reader-glow')
    await says(reader.page.locator('#count'), '4 words')
    await expect.poll(() => reader.page.locator('mark.fresh').count(), { timeout: 8000 }).toBe(0)

    for (let i = 0; i < 9; i++) await ada.page.keyboard.press('Backspace')
    await expect.poll(() => textOf(reader)).toBe('# Live\n\nEvery word 🦦')
    expect(sockets).toBe(0)
    expect((await Promise.all(scripts)).join('')).not.toMatch(/yjs|WebSocket/i)
    await ada.leave()
    await reader.leave()
  })

  test('goes on after the server restarted, without a gap and without a repeat', async () => {
    const ada = await Person.arrive(browser, 'Ada')
    const reader = await Person.arrive(browser)
    await ada.open(server.url, 'resume')
    await ada.type('before ')
    await reader.page.goto(`${server.url}r/resume`)
    await expect.poll(() => textOf(reader)).toBe('before ')
    await says(ada.save, 'Saved')
    await server.down('SIGTERM')
    await says(reader.page.locator('#state'), 'Reconnecting…')
    await ada.type('meanwhile ')
    await server.up()
    await says(ada.save, 'Saved')
    await ada.type('after')
    await expect.poll(() => textOf(reader), { timeout: 20_000 }).toBe('before meanwhile after')
    await says(reader.page.locator('#state'), 'Live')
    await ada.leave()
    await reader.leave()
  })

  test('opens the document for editing and says when an address names none', async () => {
    const reader = await Person.arrive(browser)
    await reader.page.goto(`${server.url}r/live`)
    await reader.page.getByRole('link', { name: 'Edit' }).click()
    await expect.poll(() => reader.page.url()).toBe(`${server.url}d/live`)
    await reader.page.goto(`${server.url}r/a%2F%2Fb`)
    await says(reader.page.locator('#banner'), /names no document/)
    await reader.page.goto(`${server.url}d/a%2F%2Fb`)
    await says(reader.page.locator('#banner'), /names no document/)
    await reader.leave()
  })
})
