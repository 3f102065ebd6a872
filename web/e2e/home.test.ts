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

describe('the first page', () => {
  test('is inviting when there is nothing, creates by keyboard alone, and lists', async () => {
    const ada = await Person.arrive(browser, 'Ada')
    await ada.page.goto(server.url)
    await says(ada.page.locator('#empty'), /No documents yet/)
    await ada.shoot('home-empty')
    await ada.page.keyboard.press('Tab')
    await ada.page.keyboard.type('first')
    await ada.page.keyboard.press('Enter')
    await expect.poll(() => ada.page.url()).toBe(`${server.url}d/first`)
    await says(ada.save, 'Saved')
    await ada.page.goBack()
    await says(ada.page.locator('#documents'), /first.*just now/)
    await ada.leave()
  })

  test('says what is wrong with a name, and where the document is that has it already', async () => {
    const ada = await Person.arrive(browser, 'Ada')
    await ada.page.goto(server.url)
    const field = ada.page.locator('#name')
    const problem = ada.page.locator('#problem')
    await field.press('Enter')
    await says(problem, 'Give the document a name.')
    await field.fill('a//b')
    await field.press('Enter')
    await says(problem, /A slash needs/)
    await field.fill('taken')
    await field.press('Enter')
    await expect.poll(() => ada.page.url()).toBe(`${server.url}d/taken`)
    await ada.page.goto(server.url)
    await field.fill('taken')
    await field.press('Enter')
    await says(problem, /already a document/)
    await ada.shoot('home-taken')
    await problem.getByRole('link').click()
    await expect.poll(() => ada.page.url()).toBe(`${server.url}d/taken`)
    await ada.leave()
  })

  test('says when the server has gone, and recovers', async () => {
    const ada = await Person.arrive(browser, 'Ada')
    await ada.page.goto(server.url)
    await says(ada.page.locator('#documents'), /first/)
    await server.down('SIGTERM')
    await ada.page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')))
    await says(ada.page.locator('#trouble'), /cannot be reached/)
    await server.up()
    await ada.page.getByRole('button', { name: 'Try again' }).click()
    await expect.poll(() => ada.page.locator('#trouble').isHidden()).toBe(true)
    await ada.leave()
  })
})

describe('documents with difficult names', () => {
  test.each([
    'team/meeting notes',
    '🦦/otter 🦦',
    'a/b/c/d',
    '100% “sure”? #1 & more',
    'a%2Fb',
    'straße+plus;semi',
  ])('%j is created, edited, read and listed', async (name) => {
    const ada = await Person.arrive(browser, 'Ada')
    await ada.page.goto(server.url)
    await ada.page.locator('#name').fill(name)
    await ada.page.getByRole('button', { name: 'Create' }).click()
    await ada.editor.waitFor()
    await expect.poll(() => ada.page.locator('#title').textContent()).toBe(name)
    await ada.type(`This is ${name}.`)
    await says(ada.save, 'Saved')
    expect(await server.text(name)).toBe(`This is ${name}.`)
    await ada.page.getByRole('link', { name: 'Read', exact: true }).click()
    await expect.poll(() => ada.page.locator('#sheet').textContent()).toBe(`This is ${name}.`)
    await ada.page.goto(server.url)
    await ada.page.locator('.document-link').filter({ hasText: name }).first().click()
    await expect.poll(() => ada.text()).toBe(`This is ${name}.`)
    await ada.leave()
  })
})
