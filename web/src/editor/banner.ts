/** Draws the banner over the text. */

import { part, say } from '../look/element'
import type { Notice } from './notice'

/** What the banner's buttons need. */
export interface BannerActions {
  retry(): void
  /** The text as this page has it, for copying. */
  text(): string
}

/** The banner's elements and buttons. */
export class Banner {
  readonly #banner = part('banner', HTMLDivElement)
  readonly #title = part('banner-title', HTMLElement)
  readonly #detail = part('banner-detail', HTMLElement)
  readonly #action = part('banner-action', HTMLButtonElement)
  readonly #copy = part('banner-copy', HTMLButtonElement)
  #kind: 'retry' | 'reload' = 'retry'

  constructor(actions: BannerActions) {
    this.#action.addEventListener('click', () => {
      if (this.#kind === 'reload') location.reload()
      else actions.retry()
    })
    this.#copy.addEventListener('click', () => void this.#copyText(actions.text()))
  }

  /** Shows a notice, or hides the banner. */
  show(notice: Notice | null): void {
    this.#banner.hidden = notice === null
    if (notice === null) return
    this.#banner.dataset.tone = notice.tone
    say(this.#title, notice.title)
    say(this.#detail, notice.detail)
    this.#action.hidden = notice.action === null
    if (notice.action !== null) {
      this.#kind = notice.action.kind
      say(this.#action, notice.action.label)
    }
    this.#copy.hidden = !notice.copy
  }

  async #copyText(text: string): Promise<void> {
    const before = 'Copy my text'
    try {
      await navigator.clipboard.writeText(text)
      say(this.#copy, 'Copied')
    } catch {
      say(this.#copy, 'The browser does not allow copying')
    }
    setTimeout(() => say(this.#copy, before), 2500)
  }
}
