/** Who this person is to the others: a name and a colour, remembered in the browser. */

/** A name and a colour as `#rrggbb`. */
export interface Identity {
  name: string
  color: string
}

/** Colours that are told apart on light and on dark paper, and carry white text. */
export const COLORS: readonly string[] = [
  '#b4431f',
  '#a9356b',
  '#7a45c4',
  '#3b5bdb',
  '#0b7285',
  '#2b7a3d',
  '#8a6100',
  '#5f6b7a',
]

/** The longest name shown, in characters. */
export const MAX_PERSON_NAME = 32

const KEY = 'weft.identity'
const MANNERS = ['Calm', 'Bright', 'Quiet', 'Swift', 'Kind', 'Bold', 'Merry', 'Keen', 'Gentle', 'Witty']
const ANIMALS = ['Otter', 'Heron', 'Lynx', 'Finch', 'Badger', 'Marten', 'Raven', 'Hare', 'Swan', 'Fox']

/** A name and a colour for somebody who has chosen none. */
export function randomIdentity(random: () => number = Math.random): Identity {
  const pick = (list: readonly string[]) => list[Math.floor(random() * list.length)] ?? ''
  return { name: `${pick(MANNERS)} ${pick(ANIMALS)}`, color: pick(COLORS) }
}

/** Makes a name fit to be shown: one line, no control or direction characters, not too long; may be empty. */
export function cleanName(name: unknown): string {
  if (typeof name !== 'string') return ''
  const plain = name
    .slice(0, 500)
    .toWellFormed()
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069\u200e\u200f]/gu, ' ')
  return [...plain.replace(/\s+/g, ' ').trim()].slice(0, MAX_PERSON_NAME).join('')
}

/** The colour if it is one that we can draw, else one that always comes out the same for the same client id. */
export function cleanColor(color: unknown, clientID: number): string {
  if (typeof color === 'string') {
    if (/^#[0-9a-f]{6}$/i.test(color)) return color.toLowerCase()
    const short = /^#([0-9a-f])([0-9a-f])([0-9a-f])$/i.exec(color)
    if (short) return `#${[...short.slice(1)].map((digit) => digit + digit).join('')}`.toLowerCase()
  }
  return COLORS[clientID % COLORS.length] ?? '#5f6b7a'
}

/** Black or white, whichever is read better on a colour given as `#rrggbb` (by the contrast of WCAG 2). */
export function inkOn(color: string): string {
  const channel = (at: number) => {
    const value = Number.parseInt(color.slice(at, at + 2), 16) / 255
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  }
  const luminance = 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
  return 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 ? '#ffffff' : '#000000'
}

/** One or two letters that stand for a name. */
export function initials(name: string): string {
  const words = name.split(' ').filter((word) => word !== '')
  const letters = [words[0], words.length > 1 ? words[words.length - 1] : undefined]
  return letters
    .map((word) => (word === undefined ? '' : ([...word][0] ?? '')))
    .join('')
    .toUpperCase()
}

/** The remembered identity, or a new one, which is then remembered. Works without storage, for this visit only. */
export function loadIdentity(storage: Storage | null = browserStorage()): Identity {
  try {
    const kept = JSON.parse(storage?.getItem(KEY) ?? 'null') as Partial<Identity> | null
    const name = cleanName(kept?.name)
    if (name !== '') return { name, color: cleanColor(kept?.color, 0) }
  } catch {
    // What is stored is not ours or not readable: begin anew.
  }
  const fresh = randomIdentity()
  saveIdentity(fresh, storage)
  return fresh
}

/** Remembers the identity for the next visit, where the browser allows it. */
export function saveIdentity(identity: Identity, storage: Storage | null = browserStorage()): void {
  try {
    storage?.setItem(KEY, JSON.stringify(identity))
  } catch {
    // Storage is full or forbidden; the identity holds for this visit.
  }
}

function browserStorage(): Storage | null {
  try {
    return window.localStorage
  } catch {
    return null
  }
}
