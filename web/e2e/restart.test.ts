import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
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

/** Notes in the page, at every moment when it says that all is saved, the text that is in the editor then. */
async function noteWhatIsSaved(person: Person): Promise<void> {
  await person.page.evaluate(() => {
    const noted = { text: '', times: 0 }
    Object.assign(window, { noted })
    const label = document.getElementById('save')
    if (label === null) throw new Error('no label')
    new MutationObserver(() => {
      if (label.textContent !== 'Saved') return
      noted.text = [...document.querySelectorAll('.cm-line')].map((line) => line.textContent).join('\n')
      noted.times++
    }).observe(label, { childList: true, characterData: true, subtree: true })
  })
}

function noted(person: Person): Promise<{ text: string; times: number }> {
  return person.page.evaluate(() => (window as unknown as { noted: { text: string; times: number } }).noted)
}

/** Types numbered words, with pauses until told to rush, until told to stop; returns how many. */
function typeOn(person: Person, from: number): { rush(): void; stop(): Promise<number> } {
  let going = true
  let pausing = true
  const done = (async () => {
    let number = from
    while (going) {
      await person.page.keyboard.type(`w${number++} `, { delay: 8 })
      if (pausing && number % 4 === 0) await person.page.waitForTimeout(450)
    }
    return number
  })()
  return {
    rush() {
      pausing = false
    },
    stop() {
      going = false
      return done
    },
  }
}

/** A number in [low, high), from the test's seed. */
function between(round: number, low: number, high: number): number {
  const seed = Number(process.env.WEFT_E2E_SEED ?? 20261)
  const mixed = Math.imul(seed ^ (round * 0x9e3779b1), 0x85ebca6b) >>> 0
  return low + (mixed % (high - low))
}

const rounds: ['SIGKILL' | 'SIGTERM', number][] = [
  ['SIGKILL', 1],
  ['SIGTERM', 2],
  ['SIGKILL', 3],
  ['SIGTERM', 4],
  ['SIGKILL', 5],
]

test.each(rounds)(
  '%s while typing loses nothing that was said to be saved (round %d)',
  async (signal, round) => {
    const name = `restart-${round}`
    // A slow way to the server, so that at the kill something is always typed and not there: a page that says “Saved”
    // too early is found out.
    const gateway = await Gateway.start(server.port)
    gateway.uplinkMilliseconds = 150
    const ada = await Person.arrive(browser, 'Ada')
    await ada.open(gateway.url, name)
    await noteWhatIsSaved(ada)
    await ada.editor.focus()
    const typing = typeOn(ada, 0)
    await expect.poll(async () => (await noted(ada)).times, { timeout: 20_000 }).toBeGreaterThan(1)
    typing.rush()
    await ada.page.waitForTimeout(between(round, 600, 1800))
    await server.down(signal)
    const saved = (await noted(ada)).text
    expect(saved.length).toBeGreaterThan(0)

    // First on another port, where the page cannot bring back what it still has.
    const port = server.port
    await server.up(0)
    const kept = await server.text(name)
    expect(kept.startsWith(saved)).toBe(true)
    await server.down('SIGKILL')

    // Then on its own port: the page goes on by itself, and everything typed meanwhile arrives.
    await server.up(port)
    const count = await typing.stop()
    await says(ada.save, 'Saved')
    const all = Array.from({ length: count }, (_, number) => `w${number} `).join('')
    expect(await ada.text()).toBe(all)
    expect(await server.text(name)).toBe(all)
    await ada.leave()
    await gateway.stop()
  },
)

test('says saving for as long as the server’s answer is not back', async () => {
  const gateway = await Gateway.start(server.port)
  const ada = await Person.arrive(browser, 'Ada')
  await ada.open(gateway.url, 'held')
  gateway.hold(true)
  await noteWhatIsSaved(ada)
  await ada.type('not yet')
  await expect.poll(() => server.text('held')).toBe('not yet') // it is there, but who should know?
  await says(ada.save, 'Saving…')
  await says(ada.save, 'Still saving…')
  expect((await noted(ada)).times).toBe(0)
  gateway.hold(false)
  await says(ada.save, 'Saved')
  expect((await noted(ada)).text).toBe('not yet')
  await ada.leave()
  await gateway.stop()
})

test('an edit that never reached the server is never called saved, and is sent afterwards', async () => {
  const gateway = await Gateway.start(server.port)
  const ada = await Person.arrive(browser, 'Ada')
  await ada.open(gateway.url, 'swallowed')
  await ada.type('arrives, ')
  await says(ada.save, 'Saved')
  await noteWhatIsSaved(ada)
  gateway.swallow(true)
  await ada.type('into the void')
  await says(ada.save, 'Still saving…')
  expect(await server.text('swallowed')).toBe('arrives, ')
  expect((await noted(ada)).times).toBe(0)
  gateway.swallow(false)
  gateway.cut()
  await says(ada.save, 'Saved')
  expect(await server.text('swallowed')).toBe('arrives, into the void')
  await ada.leave()
  await gateway.stop()
})
