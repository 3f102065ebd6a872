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

describe('two people on one document', () => {
  test('see each other’s typing, cursors with names, and who is typing', async () => {
    const ada = await Person.arrive(browser, 'Ada Lovelace', '#b4431f')
    const grace = await Person.arrive(browser, 'Grace Hopper', '#0b7285')
    await ada.open(server.url, 'together')
    await grace.open(server.url, 'together')

    await ada.type('# Notes on the engine\n\nIt weaves algebraical patterns.\n')
    await expect.poll(() => grace.text()).toBe('# Notes on the engine\n\nIt weaves algebraical patterns.\n')
    await grace.type('And it compiles.')
    await expect.poll(() => ada.text()).toContain('And it compiles.')

    await says(ada.page.locator('.peer-caret .peer-name'), 'Grace Hopper')
    await says(grace.page.locator('.peer-caret .peer-name'), 'Ada Lovelace')
    const [caret, line] = await Promise.all([
      ada.page.locator('.peer-caret').boundingBox(),
      ada.page.locator('.cm-line', { hasText: 'And it compiles.' }).boundingBox(),
    ])
    expect(Math.abs((caret?.y ?? 0) - (line?.y ?? 999))).toBeLessThan(10)
    expect(caret?.x ?? 0).toBeGreaterThan((line?.x ?? 0) + 50)

    await says(ada.page.locator('#typing'), 'Grace Hopper is typing…')
    await ada.shoot('together')
    await says(ada.page.locator('#count'), '11 words')
    await says(ada.page.locator('#typing'), /^$/)

    await says(ada.save, 'Saved')
    await says(grace.save, 'Saved')
    expect(await server.text('together')).toBe(await ada.text())
    await grace.leave()
    await ada.leave()
  })

  test('see each other’s selections in their colours', async () => {
    const ada = await Person.arrive(browser, 'Ada', '#b4431f')
    const grace = await Person.arrive(browser, 'Grace', '#0b7285')
    await ada.open(server.url, 'selections')
    await grace.open(server.url, 'selections')
    await ada.type('one two three\nfour five six')
    await expect.poll(() => grace.text()).toContain('six')
    await grace.editor.focus()
    await grace.page.keyboard.press('Control+a')
    const selection = ada.page.locator('.peer-selection').first()
    await selection.waitFor()
    expect(await selection.evaluate((element) => getComputedStyle(element).backgroundColor)).toBe(
      'rgb(11, 114, 133)',
    )
    await ada.leave()
    await grace.leave()
  })

  test('see whole names also at the right edge of a small window', async () => {
    const small = { viewport: { width: 390, height: 700 } }
    const ada = await Person.arrive(browser, 'Ada', '#b4431f', small)
    const grace = await Person.arrive(browser, 'Grace Brewster Murray Hopper', '#0b7285', small)
    await ada.open(server.url, 'edge')
    await grace.open(server.url, 'edge')
    await grace.type('x'.repeat(10))
    // As many as fit into the line: how wide one is depends on the fonts of the machine.
    const more = await grace.page.evaluate(() => {
      const line = document.querySelector('.cm-line') as HTMLElement
      const text = document.createRange()
      text.selectNodeContents(line)
      const one = text.getBoundingClientRect().width / 10
      const style = getComputedStyle(line)
      const room =
        line.clientWidth - Number.parseFloat(style.paddingLeft) - Number.parseFloat(style.paddingRight)
      return Math.floor(room / one) - 11
    })
    await grace.type('x'.repeat(more))
    const name = ada.page.locator('.peer-caret .peer-name')
    await says(name, 'Grace Brewster Murray Hopper')
    await expect.poll(async () => ((await name.boundingBox())?.x ?? 0) > 100).toBe(true)
    const box = await name.boundingBox()
    expect((box?.x ?? 0) + (box?.width ?? 999)).toBeLessThanOrEqual(390)
    expect(await ada.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390)
    await ada.shoot('edge')
    await ada.leave()
    await grace.leave()
  })

  test('appear, change their names, and disappear', async () => {
    const ada = await Person.arrive(browser, 'Ada')
    await ada.open(server.url, 'presence')
    const others = ada.page.locator('#people button')
    expect(await others.count()).toBe(0)

    const grace = await Person.arrive(browser, 'Grace Hopper')
    await grace.open(server.url, 'presence')
    await says(others, 'GH')
    await grace.page.locator('#me').click()
    await grace.page.locator('#profile-name').fill('Barbara Liskov')
    await grace.page.getByLabel('Green').check()
    await grace.page.getByRole('button', { name: 'Done' }).click()
    await says(others, 'BL')
    expect(await others.evaluate((element) => getComputedStyle(element).backgroundColor)).toBe(
      'rgb(43, 122, 61)',
    )

    await grace.page.reload()
    await says(grace.page.locator('#me'), 'BL')
    await expect.poll(() => others.allTextContents()).toEqual(['BL'])

    await grace.leave()
    await expect.poll(() => others.count(), { timeout: 10_000 }).toBe(0)
    await ada.leave()
  })

  test('undo only what they did themselves', async () => {
    const ada = await Person.arrive(browser, 'Ada')
    const grace = await Person.arrive(browser, 'Grace')
    await ada.open(server.url, 'undo')
    await grace.open(server.url, 'undo')
    await ada.type('mine ')
    await expect.poll(() => grace.text()).toBe('mine ')
    await grace.type('yours')
    await expect.poll(() => ada.text()).toBe('mine yours')
    await ada.page.keyboard.press('Control+z')
    await expect.poll(() => grace.text()).toBe('yours')
    await ada.page.keyboard.press('Control+y')
    await expect.poll(() => grace.text()).toBe('mine yours')
    await ada.leave()
    await grace.leave()
  })

  test('work in two tabs of one browser too', async () => {
    const ada = await Person.arrive(browser, 'Ada')
    await ada.open(server.url, 'tabs')
    const second = await ada.context.newPage()
    await second.goto(ada.page.url())
    await second.locator('.cm-content').waitFor()
    await says(second.locator('#people button'), 'A')
    await ada.type('from the first')
    await expect.poll(() => second.locator('.cm-content').textContent()).toBe('from the first')
    await second.close()
    await expect.poll(() => ada.page.locator('#people button').count(), { timeout: 10_000 }).toBe(0)
    await says(ada.save, 'Saved')
    await ada.leave()
  })
})

test('pasted line ends and surrogates keep both sides the same', async () => {
  const ada = await Person.arrive(browser, 'Ada')
  const grace = await Person.arrive(browser, 'Grace')
  await ada.open(server.url, 'paste')
  await grace.open(server.url, 'paste')
  await ada.editor.focus()
  await ada.page.evaluate(() => {
    const clipboardData = new DataTransfer()
    clipboardData.setData('text/plain', 'one\r\ntwo 🦦\rthree')
    const target = document.querySelector('.cm-content')
    target?.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }))
  })
  await expect.poll(() => grace.text()).toBe('one\ntwo 🦦\nthree')
  await grace.type('!')
  await expect.poll(() => ada.text()).toBe('one\ntwo 🦦\nthree!')
  await says(ada.save, 'Saved')
  await says(grace.save, 'Saved')
  expect(await server.text('paste')).toBe('one\ntwo 🦦\nthree!')
  await ada.leave()
  await grace.leave()
})
