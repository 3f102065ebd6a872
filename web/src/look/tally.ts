/** Shows how many words a text has, and never spends more than a little of the time on it. */

import { say } from './element'
import { words } from './figures'

/** From a change to the count, in milliseconds; and how many times what a count took is waited before the next. */
const WAIT = 400
const REST = 50

/** The count of a text's words, in an element. */
export class Tally {
  readonly #element: HTMLElement
  readonly #text: () => string
  #rest = 0
  #timer: ReturnType<typeof setTimeout> | undefined

  /** @param text gives the text; called only when it is counted */
  constructor(element: HTMLElement, text: () => string) {
    this.#element = element
    this.#text = text
  }

  /** The text changed, or is another one. */
  changed(): void {
    this.#timer ??= setTimeout(() => this.#count(), Math.max(WAIT, this.#rest))
  }

  #count(): void {
    this.#timer = undefined
    const start = performance.now()
    say(this.#element, words(this.#text()))
    this.#rest = (performance.now() - start) * REST
  }
}
