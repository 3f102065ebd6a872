/** The people in the document, as awareness tells of them. What others send is checked before it is shown. */

import type { Awareness } from 'y-protocols/awareness'
import { cleanColor, cleanName, type Identity } from './identity'
import type { TypingWord } from './typing'

/** How many people are looked at; more than that are only counted. */
export const MOST_PEOPLE = 200

/** Somebody in the document. */
export interface Person extends Identity {
  clientID: number
  self: boolean
}

/** Everybody in the document, this tab first, then by name. */
export function people(awareness: Awareness): Person[] {
  const found: Person[] = []
  for (const [clientID, state] of awareness.getStates()) {
    if (found.length >= MOST_PEOPLE) break
    found.push({ clientID, self: clientID === awareness.clientID, ...identityOf(state, clientID) })
  }
  return found.sort(
    (a, b) => Number(b.self) - Number(a.self) || a.name.localeCompare(b.name) || a.clientID - b.clientID,
  )
}

/** The name and colour in a state of awareness, as far as they can be shown. */
export function identityOf(state: Record<string, unknown>, clientID: number): Identity {
  const user = (state.user ?? {}) as { name?: unknown; color?: unknown }
  return { name: cleanName(user.name) || 'Somebody', color: cleanColor(user.color, clientID) }
}

/** What the others say about their typing. */
export function typingWords(awareness: Awareness): TypingWord[] {
  const words: TypingWord[] = []
  for (const [clientID, state] of awareness.getStates()) {
    if (clientID === awareness.clientID || words.length >= MOST_PEOPLE) continue
    words.push({
      name: identityOf(state, clientID).name,
      typing: state.typing === true,
      heard: awareness.meta.get(clientID)?.lastUpdated ?? 0,
    })
  }
  return words
}

/** What this tab publishes about its person, in the form that the editors of the Yjs world read. */
export function published(identity: Identity): { name: string; color: string; colorLight: string } {
  return { ...identity, colorLight: `${identity.color}33` }
}
