/** The first page: the documents there are, and a new one. */

import { here } from '../document/addresses'
import { nameProblem } from '../document/names'
import { make, part, say } from '../look/element'
import { ago, size } from '../look/figures'
import { create, type Entry, fetchPart } from './catalog'

/** How often the list is fetched again while the page is in sight, in milliseconds. */
const REFRESH = 15_000
/** From this many documents on there is a field to filter them. */
const FILTER_FROM = 8

const at = here()
const form = part('create', HTMLFormElement)
const field = part('name', HTMLInputElement)
const submit = part('submit', HTMLButtonElement)
const problem = part('problem', HTMLParagraphElement)
const filter = part('filter', HTMLInputElement)
const count = part('count', HTMLSpanElement)
const list = part('documents', HTMLUListElement)
const empty = part('empty', HTMLDivElement)
const trouble = part('trouble', HTMLDivElement)
const troubleText = part('trouble-text', HTMLSpanElement)
const more = part('more', HTMLButtonElement)

let entries: Entry[] = []
let next = ''
let loaded = false
let fetching: AbortController | null = null

/** Fetches the list again, as far as it was shown. */
async function refresh(): Promise<void> {
  fetching?.abort()
  const mine = new AbortController()
  fetching = mine
  try {
    const wanted = Math.max(entries.length, 1)
    let part = await fetchPart(at, '', mine.signal)
    const found = part.entries
    while (part.next !== '' && found.length < wanted) {
      part = await fetchPart(at, part.next, mine.signal)
      found.push(...part.entries)
    }
    entries = found
    next = part.next
    loaded = true
    trouble.hidden = true
    draw()
  } catch (error) {
    if (mine.signal.aborted) return
    say(troubleText, error instanceof Error ? error.message : String(error))
    trouble.hidden = false
    draw()
  }
}

async function showMore(): Promise<void> {
  more.disabled = true
  try {
    const part = await fetchPart(at, next)
    entries = [...entries, ...part.entries]
    next = part.next
    draw()
  } catch (error) {
    say(troubleText, error instanceof Error ? error.message : String(error))
    trouble.hidden = false
  } finally {
    more.disabled = false
  }
}

function draw(): void {
  const wanted = filter.value.trim().toLocaleLowerCase()
  const shown = entries.filter((entry) => entry.name.toLocaleLowerCase().includes(wanted))
  list.replaceChildren(...shown.map(row))
  list.setAttribute('aria-busy', String(!loaded))
  empty.hidden = !loaded || entries.length > 0
  filter.hidden = entries.length < FILTER_FROM && filter.value === ''
  more.hidden = next === ''
  const all = `${entries.length}${next === '' ? '' : '+'}`
  say(count, !loaded || entries.length === 0 ? '' : wanted === '' ? all : `${shown.length} of ${all}`)
}

function row(entry: Entry): HTMLLIElement {
  const slash = entry.name.lastIndexOf('/') + 1
  const open = make(
    'a',
    'document-link',
    make('span', 'folder', entry.name.slice(0, slash)),
    entry.name.slice(slash),
  )
  open.href = at.editor(entry.name)
  const when = make('time', 'when', ago(entry.modified, Date.now()))
  if (Number.isFinite(entry.modified)) {
    when.dateTime = new Date(entry.modified).toISOString()
    when.title = new Date(entry.modified).toLocaleString()
  }
  const read = make('a', 'button quiet small', 'Read')
  read.href = at.reader(entry.name)
  read.setAttribute('aria-label', `Read ${entry.name} live`)
  return make(
    'li',
    'document',
    open,
    make('span', 'facts', when, make('span', 'size', size(entry.bytes))),
    read,
  )
}

/** Says what is wrong beside the field, with a link to the document when that is what is in the way. */
function complain(text: string, existing?: string): void {
  field.setAttribute('aria-invalid', String(text !== ''))
  problem.replaceChildren(text)
  if (existing === undefined) return
  const open = make('a', '', 'Open it')
  open.href = at.editor(existing)
  problem.append(' ', open, '.')
}

async function submitted(event: SubmitEvent): Promise<void> {
  event.preventDefault()
  const name = field.value.trim()
  const wrong = nameProblem(name)
  if (wrong !== null) {
    complain(wrong)
    field.focus()
    return
  }
  complain('')
  submit.disabled = true
  const result = await create(at, name)
  submit.disabled = false
  if (result.kind === 'created') {
    location.assign(at.editor(name))
  } else if (result.kind === 'exists') {
    complain(`There is already a document with this name.`, name)
  } else {
    complain(result.why)
  }
}

form.addEventListener('submit', (event) => void submitted(event))
field.addEventListener('input', () => complain(''))
filter.addEventListener('input', draw)
more.addEventListener('click', () => void showMore())
part('again', HTMLButtonElement).addEventListener('click', () => void refresh())
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) void refresh()
})
window.addEventListener('pageshow', (event) => {
  if (event.persisted) void refresh()
})
setInterval(() => {
  if (!document.hidden) void refresh()
}, REFRESH)
void refresh()
