/** Draws the people in the document as a row of initials; choosing somebody goes to their cursor. */

import { make } from '../look/element'
import { initials, inkOn } from './identity'
import type { Person } from './people'

/** So many are drawn one by one; the rest is a number. */
const DRAWN = 6

/** A row of people in `list`. */
export class Roster {
  readonly #list: HTMLUListElement
  readonly #choose: (person: Person) => void
  #drawn = ''

  /** @param choose called when somebody else than this tab is chosen */
  constructor(list: HTMLUListElement, choose: (person: Person) => void) {
    this.#list = list
    this.#choose = choose
  }

  /** Shows these people, all but this tab itself, which has its own button. */
  show(people: readonly Person[], typing: ReadonlySet<string>): void {
    const others = people.filter((person) => !person.self)
    const key = JSON.stringify([others, [...typing]])
    if (key === this.#drawn) return
    this.#drawn = key
    const focused = (document.activeElement as HTMLElement | null)?.dataset.client
    const items = others.slice(0, DRAWN).map((person) => this.#item(person, typing.has(person.name)))
    if (others.length > DRAWN) items.push(rest(others.slice(DRAWN)))
    this.#list.replaceChildren(...items)
    if (focused !== undefined) this.#list.querySelector<HTMLElement>(`[data-client="${focused}"]`)?.focus()
  }

  #item(person: Person, typing: boolean): HTMLLIElement {
    const button = make('button', typing ? 'avatar typing' : 'avatar', initials(person.name))
    button.type = 'button'
    button.title = person.name
    button.dataset.client = String(person.clientID)
    button.setAttribute('aria-label', `${person.name}: go to their cursor`)
    paint(button, person.color)
    button.addEventListener('click', () => this.#choose(person))
    return make('li', '', button)
  }
}

/** Gives an avatar a person's colour. */
export function paint(element: HTMLElement, color: string): void {
  element.style.backgroundColor = color
  element.style.color = inkOn(color)
}

function rest(others: readonly Person[]): HTMLLIElement {
  const item = make('li', 'avatar rest', `+${others.length}`)
  item.title = others.map((person) => person.name).join(', ')
  return item
}
