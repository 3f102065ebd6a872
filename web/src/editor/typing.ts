/**
 * Who is typing. A tab says so when somebody types in it and takes it back when they pause; the others believe it only
 * for a while, in case the tab went away without taking it back.
 */

/** Times in milliseconds. */
export const TYPING = {
  /** A pause this long ends the typing. */
  pause: 1600,
  /** Others stop believing what was not renewed for this long. */
  belief: 6000,
} as const

/** This tab's own signal. */
export class TypingSignal {
  readonly #publish: (typing: boolean) => void
  #typing = false
  #timer: ReturnType<typeof setTimeout> | undefined

  /** @param publish called with true at the first key and with false after a pause, never twice with the same */
  constructor(publish: (typing: boolean) => void) {
    this.#publish = publish
  }

  /** Somebody typed something. */
  typed(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.stop(), TYPING.pause)
    if (this.#typing) return
    this.#typing = true
    this.#publish(true)
  }

  /** Typing ended: a pause, or the editor went out of sight. */
  stop(): void {
    clearTimeout(this.#timer)
    if (!this.#typing) return
    this.#typing = false
    this.#publish(false)
  }
}

/** Somebody else's word that they are typing, and when it was last heard, in milliseconds. */
export interface TypingWord {
  name: string
  typing: boolean
  heard: number
}

/** The names of those who are typing, by what was heard until now. */
export function whoTypes(words: Iterable<TypingWord>, now: number): string[] {
  const names: string[] = []
  for (const word of words) {
    if (word.typing && now - word.heard < TYPING.belief) names.push(word.name)
  }
  return names.sort((a, b) => a.localeCompare(b))
}

/** One line that says who types; empty when nobody does. */
export function typingLine(names: readonly string[]): string {
  const [first, second] = names
  if (first === undefined) return ''
  if (second === undefined) return `${first} is typing…`
  if (names.length === 2) return `${first} and ${second} are typing…`
  return `${first}, ${second} and ${names.length - 2} more are typing…`
}
