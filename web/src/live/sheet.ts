/**
 * Draws a live text into the page: one element for each line, changed lines only, with a gentle glow on what is new.
 */

import type { Splice } from '../document/splice'
import { kindOf, partsOf } from './inline'
import { type Line, Paragraphs } from './paragraphs'

/** How long a change glows. The style sheet's animation has the same length. */
export const GLOW_MILLISECONDS = 2600

/** A live text in an element. The element's children belong to it. */
export class Sheet {
  readonly #element: HTMLElement
  readonly #paragraphs = new Paragraphs()
  readonly #now: () => number
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(element: HTMLElement, now: () => number = () => performance.now()) {
    this.#element = element
    this.#now = now
  }

  get text(): string {
    return this.#paragraphs.text
  }

  /** Length in UTF-16 units. */
  get length(): number {
    return this.#paragraphs.length
  }

  /** Shows a whole text, without a glow. */
  replace(text: string): void {
    this.#paragraphs.replace(text)
    this.#element.replaceChildren(...this.#paragraphs.lines.map((line) => this.#draw(line)))
  }

  /** Applies splices in order and returns the element of the line that changed last. */
  apply(splices: readonly Splice[]): HTMLElement | null {
    let index = -1
    for (const splice of splices) {
      const change = this.#paragraphs.apply(splice, this.#now())
      this.#redraw(change.index, change.removed, change.added)
      index = change.index + change.added - 1
    }
    this.#fade()
    return (this.#element.children[index] as HTMLElement | undefined) ?? null
  }

  #redraw(index: number, removed: number, added: number): void {
    const children = this.#element.children
    for (let i = 0; i < removed; i++) children[index]?.remove()
    const fragment = document.createDocumentFragment()
    for (const line of this.#paragraphs.lines.slice(index, index + added)) fragment.append(this.#draw(line))
    this.#element.insertBefore(fragment, children[index] ?? null)
  }

  /** Takes the marks away when they have faded, so that the page is plain text again. */
  #fade(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      for (const index of this.#paragraphs.forget(this.#now() - GLOW_MILLISECONDS)) this.#redraw(index, 1, 1)
      if (this.#paragraphs.lines.some((line) => line.traces.length > 0)) this.#fade()
    }, GLOW_MILLISECONDS + 50)
  }

  #draw(line: Line): HTMLElement {
    const element = document.createElement('p')
    element.className = `line ${kindOf(line.text)}`
    const parts = partsOf(line.text)
    for (const part of parts) {
      const last = part.to === line.text.length
      if (part.look === '') {
        this.#fill(element, line, part.from, part.to, last)
      } else {
        const span = document.createElement('span')
        span.className = part.look
        this.#fill(span, line, part.from, part.to, last)
        element.append(span)
      }
    }
    if (parts.length === 0) this.#fill(element, line, 0, 0, true)
    return element
  }

  /** Puts a stretch of the line into an element, with marks where it has traces; `last` when it is the line's last. */
  #fill(element: HTMLElement, line: Line, start: number, end: number, last: boolean): void {
    let done = start
    for (const trace of line.traces) {
      const from = Math.max(trace.from, start)
      const to = Math.min(trace.to, end)
      const inside = trace.from === trace.to ? from === to && (from < end || last) : from < to
      if (!inside) continue
      element.append(line.text.slice(done, from), this.#mark(line.text.slice(from, to), trace.time))
      done = to
    }
    element.append(line.text.slice(done, end))
  }

  #mark(text: string, time: number): HTMLElement {
    const mark = document.createElement(text === '' ? 'span' : 'mark')
    mark.className = text === '' ? 'cut' : 'fresh'
    mark.textContent = text
    // A mark that is drawn again goes on fading where it was.
    mark.style.animationDelay = `${Math.round(time - this.#now())}ms`
    return mark
  }
}
