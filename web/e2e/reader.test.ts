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

/** Makes the page believe that it is looked at, or not; headless pages are always in sight. */
async function look(person: Person, visible: boolean): Promise<void> {
  await person.page.evaluate((hidden) => {
    Object.defineProperty(document, 'hidden', { value: hidden, configurable: true })
    document.dispatchEvent(new Event('visibilitychange'))
  }, !visible)
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

  test('lets go of its connection while nobody looks, and goes on from there', async () => {
    const ada = await Person.arrive(browser, 'Ada')
    const reader = await Person.arrive(browser)
    await ada.open(server.url, 'rest')
    await ada.type('one ')
    await reader.page.clock.install()
    const asked: string[] = []
    reader.page.on('request', (request) => {
      if (request.url().includes('/view/')) asked.push(request.url())
    })
    await reader.page.goto(`${server.url}r/rest`)
    await reader.page.clock.runFor(100)
    await expect.poll(() => textOf(reader)).toBe('one ')
    await look(reader, false)
    await reader.page.clock.runFor(11_000)
    await ada.type('two ')
    await says(ada.save, 'Saved')
    expect(await textOf(reader)).toBe('one ')
    await look(reader, true)
    await expect.poll(() => textOf(reader)).toBe('one two ')
    expect(await reader.page.locator('mark.fresh').allTextContents()).toEqual(['two '])
    expect(asked).toHaveLength(2)
    expect(asked[1]).toContain('lastEventId=')
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
