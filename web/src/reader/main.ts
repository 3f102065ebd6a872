/** The reader's page: a document's text as it is being written, over server-sent events alone. */

import { here } from '../document/addresses'
import type { Splice } from '../document/splice'
import { type FeedState, openFeed } from '../live/feed'
import { Sheet } from '../live/sheet'
import { part, say } from '../look/element'
import { ago, words } from '../look/figures'

const at = here()
const name = at.nameOn('r', location.pathname)
const title = part('title', HTMLHeadingElement)
const state = part('state', HTMLSpanElement)
const follow = part('follow', HTMLButtonElement)
const article = part('sheet', HTMLElement)
const empty = part('empty', HTMLParagraphElement)
const count = part('count', HTMLSpanElement)
const changed = part('changed', HTMLSpanElement)
const banner = part('banner', HTMLDivElement)

const sheet = new Sheet(article)
let lastChange: number | null = null
let following = false

/** Shows what the text's size and age are now. */
function drawFacts(): void {
  const text = sheet.text
  say(count, words(text))
  empty.hidden = text !== '' || article.dataset.loaded === undefined
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
  window.addEventListener('pagehide', (event) => {
    if (!event.persisted) feed.close()
  })
  setInterval(drawAge, 5000)
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
