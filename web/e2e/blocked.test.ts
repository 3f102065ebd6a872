import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launch, Person, says } from './browser'
import { Gateway } from './gateway'
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

/** The text in the live view of an editor page. */
function watched(person: Person): Promise<string> {
  return person.page.evaluate(() =>
    [...document.querySelectorAll('#watch .line')].map((line) => line.textContent).join('\n'),
  )
}

describe('a WebSocket that cannot be had', () => {
  test('from the beginning: says so, watches live, and edits when it can', async () => {
    const gateway = await Gateway.start(server.port, true)
    const ada = await Person.arrive(browser, 'Ada')
    const grace = await Person.arrive(browser, 'Grace')
    await ada.open(server.url, 'blocked')
    await ada.type('Written elsewhere.')
    await says(ada.save, 'Saved')

    await grace.page.goto(`${gateway.url}d/blocked`)
    await says(grace.banner, /Watching live, without editing.*WebSocket.*blocked/)
    await expect.poll(() => watched(grace)).toBe('Written elsewhere.')
    expect(await grace.editor.count()).toBe(0)
    await ada.type(' And more.')
    await expect.poll(() => watched(grace)).toBe('Written elsewhere. And more.')
    await grace.shoot('blocked')
    expect(gateway.upgrades).toBeGreaterThan(0)

    gateway.refusing = false
    await grace.editor.waitFor()
    await expect.poll(() => grace.banner.isHidden()).toBe(true)
    await grace.type(' Now me.')
    await expect.poll(() => ada.text()).toBe('Written elsewhere. And more. Now me.')
    await says(grace.save, 'Saved')
    await grace.leave()
    await ada.leave()
    await gateway.stop()
  })

  test('in the middle: keeps what was typed, shows the live text, and sends it afterwards', async () => {
    const gateway = await Gateway.start(server.port)
    const ada = await Person.arrive(browser, 'Ada')
    const grace = await Person.arrive(browser, 'Grace')
    await ada.open(server.url, 'interrupted')
    await grace.open(gateway.url, 'interrupted')
    await grace.type('saved ')
    await says(grace.save, 'Saved')

    gateway.refusing = true
    gateway.cut()
    await grace.type('unsent ')
    await says(grace.save, /edits not saved/)
    await says(grace.banner, /7 edits of yours wait/i)
    await expect.poll(() => watched(grace)).toBe('saved ')
    expect(await grace.editor.isVisible()).toBe(false)
    await ada.type('theirs ')
    await expect.poll(() => watched(grace)).toBe('saved theirs ')
    await grace.shoot('interrupted')
    expect(await server.text('interrupted')).toBe('saved theirs ')

    gateway.refusing = false
    await says(grace.save, 'Saved')
    await expect.poll(() => grace.editor.isVisible()).toBe(true)
    await expect.poll(() => ada.text()).toMatch(/^saved (unsent theirs|theirs unsent) $/)
    expect(await grace.text()).toBe(await ada.text())
    expect(await server.text('interrupted')).toBe(await ada.text())
    expect(await grace.editor.evaluate((element) => element === document.activeElement)).toBe(true)
    await grace.leave()
    await ada.leave()
    await gateway.stop()
  })

  test('for a moment only: editing goes on, no banner', async () => {
    const gateway = await Gateway.start(server.port)
    const grace = await Person.arrive(browser, 'Grace')
    await grace.open(gateway.url, 'moment')
    await grace.page.evaluate(() => {
      const seen: string[] = []
      Object.assign(window, { seen })
      const banner = document.getElementById('banner')
      if (banner)
        new MutationObserver(() => seen.push(String(banner.hidden))).observe(banner, {
          attributeFilter: ['hidden'],
        })
    })
    gateway.cut()
    await grace.type('never stopped')
    await says(grace.save, 'Saved')
    expect(await server.text('moment')).toBe('never stopped')
    expect(await grace.page.evaluate(() => (window as unknown as { seen: string[] }).seen)).not.toContain(
      'false',
    )
    await grace.leave()
    await gateway.stop()
  })
})

describe('a session that the server ends for good', () => {
  test.each([
    [4403, 'You may not edit this document', 'Try again'],
    [4409, 'This copy is from before the document was replaced', 'Load the new document'],
  ])('with %d: says what to do', async (code, title, button) => {
    const grace = await Person.arrive(browser, 'Grace')
    let refuse = false
    await grace.page.routeWebSocket(/\/sync\//, (socket) => {
      if (refuse) socket.close({ code, reason: 'because of the test' })
      else socket.connectToServer()
    })
    await grace.open(server.url, `ended-${code}`)
    await grace.type('hello')
    await says(grace.save, 'Saved')
    refuse = true
    // The network comes and goes, so the page connects anew, and is refused.
    await grace.context.setOffline(true)
    await grace.context.setOffline(false)
    await grace.page.reload()
    await says(grace.banner, new RegExp(`${title}.*because of the test`))
    await grace.shoot(`refused-${code}`)
    const way = grace.page.getByRole('button', { name: button })
    refuse = false
    await way.click()
    await says(grace.save, 'Saved')
    await expect.poll(() => grace.text()).toBe('hello')
    await grace.leave()
  })
})
