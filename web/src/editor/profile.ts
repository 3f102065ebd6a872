/** The dialog in which people choose their name and colour. */

import { make, part } from '../look/element'
import { COLORS, cleanName, type Identity, initials, saveIdentity } from './identity'
import { paint } from './roster'

/** The own button in the bar and the dialog behind it. */
export class Profile {
  readonly #button = part('me', HTMLButtonElement)
  readonly #dialog = part('profile', HTMLDialogElement)
  readonly #name = part('profile-name', HTMLInputElement)
  readonly #colors = part('profile-colors', HTMLDivElement)
  readonly #changed: (identity: Identity) => void
  #identity: Identity

  /** @param changed called with what was chosen, after it has been remembered */
  constructor(identity: Identity, changed: (identity: Identity) => void) {
    this.#identity = identity
    this.#changed = changed
    this.#colors.append(...COLORS.map((color, i) => swatch(color, i)))
    this.#button.addEventListener('click', () => this.#open())
    part('profile-form', HTMLFormElement).addEventListener('submit', () => this.#accept())
    part('profile-cancel', HTMLButtonElement).addEventListener('click', () => this.#dialog.close())
    this.#draw()
  }

  #open(): void {
    this.#name.value = this.#identity.name
    for (const input of this.#colors.querySelectorAll('input'))
      input.checked = input.value === this.#identity.color
    this.#dialog.showModal()
    this.#name.select()
  }

  #accept(): void {
    const color = this.#colors.querySelector<HTMLInputElement>('input:checked')?.value ?? this.#identity.color
    this.#identity = { name: cleanName(this.#name.value) || this.#identity.name, color }
    saveIdentity(this.#identity)
    this.#draw()
    this.#changed(this.#identity)
  }

  #draw(): void {
    const { name, color } = this.#identity
    this.#button.textContent = initials(name)
    this.#button.title = `${name} (you)`
    this.#button.setAttribute('aria-label', `You are ${name}. Change your name or colour`)
    paint(this.#button, color)
  }
}

const COLOR_NAMES = ['Madder', 'Rose', 'Violet', 'Blue', 'Teal', 'Green', 'Ochre', 'Slate']

function swatch(color: string, index: number): HTMLLabelElement {
  const input = make('input', '')
  input.type = 'radio'
  input.name = 'color'
  input.value = color
  input.setAttribute('aria-label', COLOR_NAMES[index] ?? color)
  const dot = make('span', 'swatch')
  dot.style.backgroundColor = color
  return make('label', '', input, dot)
}
