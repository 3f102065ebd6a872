import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launch, Person, says } from './browser'
import { Gateway } from './gateway'
import { Server } from './server'

const TEXT = `# The weft and the warp

A **fabric** is made of two threads: the *warp*, held taut on the loom, and the
weft, which passes over and under it. Neither holds without the other.

## What we want

- Every word is on disk before anybody says “Saved”
- Cursors with names, so that nobody writes over anybody
- A page for those who only read, with nothing to install

> Good tools disappear behind the work.

Run \`weft dev\` and open [the first page](http://127.0.0.1:8080/).
`

let server: Server
let browser: Browser

beforeAll(async () => {
  server = await Server.start()
  browser = await launch()
  const ada = await Person.arrive(browser, 'Ada')
  for (const name of [
    'team/weekly',
    'team/on-call handbook',
    'ideas',
    'novel/chapter 1',
    'novel/chapter 2',
    'a',
    'b',
    'shopping',
  ]) {
    await ada.open(server.url, name)
    await ada.type(`# ${name}\n`)
    await says(ada.save, 'Saved')
  }
  await ada.open(server.url, 'loom')
  await ada.editor.focus()
  await ada.page.keyboard.insertText(TEXT)
  await says(ada.save, 'Saved')
  await ada.leave()
})

afterAll(async () => {
  await browser?.close()
  await server?.remove()
})

/** Nothing may stick out sideways. */
async function fits(person: Person): Promise<void> {
  const [needed, given] = await person.page.evaluate(() => {
    const root = document.documentElement
    return [root.scrollWidth, root.clientWidth]
  })
  expect(needed).toBeLessThanOrEqual(given ?? 0)
}

describe.each(['light', 'dark'] as const)('in the %s', (colorScheme) => {
  test.each([
    ['wide', { width: 1280, height: 860 }],
    ['narrow', { width: 390, height: 780 }],
  ] as const)('%s pages fit', async (width, viewport) => {
    const options = { colorScheme, viewport }
    const suffix = `${colorScheme}-${width}`
    const ada = await Person.arrive(browser, 'Ada Lovelace', '#3b5bdb', options)
    const grace = await Person.arrive(browser, 'Grace Hopper', '#0b7285', options)
    const mary = await Person.arrive(browser, 'Mary Shelley', '#a9356b', options)

    await ada.page.goto(server.url)
    await ada.page.locator('.document').first().waitFor()
    await fits(ada)
    await ada.shoot(`home-${suffix}`)

    for (const person of [ada, grace, mary]) await person.open(server.url, 'loom')
    await says(ada.page.locator('#people'), /GHMS|MSGH/)
    await grace.page.locator('.cm-line', { hasText: 'Cursors with names' }).click()
    await grace.page.keyboard.press('End')
    await grace.page.keyboard.type(', ever', { delay: 30 })
    await mary.page.locator('.cm-line', { hasText: 'A page for those' }).click()
    await mary.page.keyboard.press('Shift+Home')
    await ada.page.locator('.cm-line', { hasText: 'weft, which' }).click()
    await says(ada.page.locator('#typing'), /Grace/)
    await ada.page.locator('.peer-caret').nth(1).waitFor()
    await fits(ada)
    await ada.shoot(`editor-${suffix}`)

    await ada.page.locator('#me').click()
    await ada.page.locator('#profile').waitFor()
    await ada.shoot(`profile-${suffix}`)
    await ada.page.keyboard.press('Escape')

    await mary.page.goto(`${server.url}r/loom`)
    await says(mary.page.locator('#state'), 'Live')
    await grace.page.keyboard.type(' and ever', { delay: 5 })
    await mary.page.locator('mark.fresh').first().waitFor()
    await fits(mary)
    await mary.shoot(`reader-${suffix}`)

    const gateway = await Gateway.start(server.port, true)
    await mary.page.goto(`${gateway.url}d/loom`)
    await says(mary.banner, /Watching live/)
    await mary.page.locator('#watch .line').first().waitFor()
    await fits(mary)
    await mary.shoot(`watching-${suffix}`)
    await gateway.stop()

    for (const person of [ada, grace, mary]) await person.leave()
  })
})

test('an empty document and a search look right', async () => {
  const ada = await Person.arrive(browser, 'Ada')
  await ada.open(server.url, 'empty')
  await ada.shoot('editor-empty')
  await ada.open(server.url, 'loom')
  await ada.editor.focus()
  await ada.page.keyboard.press('Control+f')
  await ada.page.keyboard.type('weft')
  await ada.page.locator('.cm-searchMatch').first().waitFor()
  await fits(ada)
  await ada.shoot('editor-search')
  await ada.leave()
})
