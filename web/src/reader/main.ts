/** The reader's page: a document's text as it is being written, over server-sent events alone. */

import { here } from '../document/addresses'
import type { Splice } from '../document/splice'
import { type Feed, type FeedState, openFeed } from '../live/feed'
import { Sheet } from '../live/sheet'
import { part, say } from '../look/element'
import { ago } from '../look/figures'
import { Tally } from '../look/tally'

const at = here()
const name = at.nameOn('r', location.pathname)
const title = part('title', HTMLHeadingElement)
const state = part('state', HTMLSpanElement)
const follow = part('follow', HTMLButtonElement)
const article = part('sheet', HTMLElement)
const empty = part('empty', HTMLParagraphElement)
const changed = part('changed', HTMLSpanElement)
const banner = part('banner', HTMLDivElement)

const sheet = new Sheet(article)
const tally = new Tally(part('count', HTMLSpanElement), () => sheet.text)
let lastChange: number | null = null
let following = false

/** How long the page may be out of sight before it lets go of its connection, in milliseconds. */
const OUT_OF_SIGHT = 10_000

/** Shows what the text's size and age are now. */
function drawFacts(): void {
  tally.changed()
  empty.hidden = sheet.length > 0 || article.dataset.loaded === undefined
  drawAge()
}

function drawAge(): void {
  say(changed, lastChange === null ? '' : `Changed ${ago(lastChange, Date.now())}`)
}

function whole(text: string): void {
  article.dataset.loaded = ''
  sheet.replace(text)
  drawFacts()
}

function spliced(splices: readonly Splice[]): void {
  const line = sheet.apply(splices)
  lastChange = Date.now()
  if (following) line?.scrollIntoView({ block: 'center', behavior: 'smooth' })
  drawFacts()
}

const STATES: Record<FeedState['kind'], string> = {
  connecting: 'Connecting…',
  live: 'Live',
  lost: 'Reconnecting…',
  refused: 'Not available',
}

function showState(next: FeedState): void {
  state.dataset.kind = next.kind
  say(state, STATES[next.kind])
  banner.hidden = next.kind !== 'refused'
  if (next.kind === 'refused') {
    part('banner-title', HTMLElement).textContent = 'You cannot read this document'
    const said = next.reason === '' ? '' : ` The server says: “${next.reason}”.`
    part('banner-detail', HTMLElement).textContent =
      `Ask its owner for access, then load this page again.${said}`
  }
}

function begin(document_: string): void {
  title.textContent = document_
  document.title = `${document_} · weft`
  part('edit', HTMLAnchorElement).href = at.editor(document_)
  follow.addEventListener('click', () => {
    following = !following
    follow.setAttribute('aria-pressed', String(following))
  })
  const feed = openFeed(at.view(document_), { whole, splices: spliced, state: showState })
  restOutOfSight(feed)
  setInterval(drawAge, 5000)
}

/** Lets the feed rest while the page is out of sight for longer, and goes on without a gap when it is seen again. */
function restOutOfSight(feed: Feed): void {
  let timer: ReturnType<typeof setTimeout> | undefined
  document.addEventListener('visibilitychange', () => {
    clearTimeout(timer)
    if (document.hidden) timer = setTimeout(() => feed.rest(), OUT_OF_SIGHT)
    else feed.wake()
  })
}

function noDocument(): void {
  title.textContent = 'No document'
  showState({ kind: 'refused', code: 0, reason: '' })
  part('banner-title', HTMLElement).textContent = 'This address names no document'
  part('banner-detail', HTMLElement).textContent = 'Go back to the list of documents and choose one.'
  part('edit', HTMLAnchorElement).hidden = true
  follow.hidden = true
}

if (name === null) noDocument()
else begin(name)
