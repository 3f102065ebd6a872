/** Chromium, and the people who sit before it. */

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Locator,
  type Page,
} from 'playwright-core'
import { expect } from 'vitest'

const shots = join(import.meta.dirname, '..', 'shots')

/** Starts a browser with a fresh profile. */
export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}

/** Somebody with a browser profile of their own, so that tabs of two people share nothing but the server. */
export class Person {
  readonly context: BrowserContext
  readonly page: Page
  /** What the browser complained about: errors of scripts and of the page's security policy. */
  readonly complaints: string[] = []

  private constructor(context: BrowserContext, page: Page) {
    this.context = context
    this.page = page
    page.on('pageerror', (error) => this.complaints.push(String(error)))
    page.on('console', (message) => {
      const text = message.text()
      if (message.type() === 'error' && !isNetwork(text)) this.complaints.push(text)
    })
  }

  /** A new person; with a name, they are known by it in every document. */
  static async arrive(
    browser: Browser,
    name?: string,
    color = '#3b5bdb',
    options: BrowserContextOptions = {},
  ): Promise<Person> {
    const context = await browser.newContext({ viewport: { width: 1100, height: 760 }, ...options })
    if (name !== undefined) {
      const identity = JSON.stringify({ name, color })
      await context.addInitScript((kept) => {
        if (localStorage.getItem('weft.identity') === null) localStorage.setItem('weft.identity', kept)
      }, identity)
    }
    return new Person(context, await context.newPage())
  }

  get editor(): Locator {
    return this.page.locator('.cm-content')
  }

  get save(): Locator {
    return this.page.locator('#save')
  }

  get banner(): Locator {
    return this.page.locator('#banner')
  }

  /** Opens a document for editing and waits until it can be edited. */
  async open(base: string, document: string): Promise<void> {
    await this.page.goto(`${base}d/${document.split('/').map(encodeURIComponent).join('/')}`)
    await this.editor.waitFor()
    await says(this.save, 'Saved')
  }

  /** Types at the end of the document, as fast as a quick person. */
  async type(text: string, delay = 5): Promise<void> {
    await this.editor.focus()
    await this.page.keyboard.press('Control+End')
    await this.page.keyboard.type(text, { delay })
  }

  /** The lines in the editor; only for documents that fit the window, because CodeMirror draws no more. */
  text(): Promise<string> {
    return textIn(this.page)
  }

  async shoot(name: string): Promise<void> {
    await mkdir(shots, { recursive: true })
    await this.page.screenshot({ path: join(shots, `${name}.png`) })
  }

  async leave(): Promise<void> {
    await this.context.close()
    expect(this.complaints).toEqual([])
  }
}

/** The text drawn in a page's editor. */
export function textIn(page: Page): Promise<string> {
  return page.evaluate(() => {
    const lines = [...document.querySelectorAll('.cm-line')]
    const blank = (line: Element) => line.querySelector('.cm-placeholder') !== null
    return lines.map((line) => (blank(line) ? '' : line.textContent)).join('\n')
  })
}

/** Waits until an element says this. */
export async function says(element: Locator, words: string | RegExp): Promise<void> {
  const deadline = Date.now() + 20_000
  for (;;) {
    const text = (await element.textContent()) ?? ''
    if (typeof words === 'string' ? text.includes(words) : words.test(text)) return
    if (Date.now() > deadline) throw new Error(`waited for ${words}, and it says ${JSON.stringify(text)}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** What the browser says on its console when a connection fails, which the tests provoke. */
function isNetwork(text: string): boolean {
  return /WebSocket connection to|Failed to load resource|net::ERR_|ERR_INCOMPLETE_CHUNKED/.test(text)
}
