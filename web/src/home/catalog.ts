/** The documents of the server, through its REST interface. */

import type { Addresses } from '../document/addresses'

/** A document as the list shows it. */
export interface Entry {
  name: string
  /** When it changed last, in milliseconds since 1970; NaN when unknown. */
  modified: number
  bytes: number
}

/** A part of the list. `next` goes into the next call; empty at the end. */
export interface Part {
  entries: Entry[]
  next: string
}

/** What came of creating a document. */
export type Created = { kind: 'created' } | { kind: 'exists' } | { kind: 'failed'; why: string }

/** How many documents are fetched at once. */
export const PART_LENGTH = 500

/** Fetches documents by name, from behind `after`. Throws an Error whose message can be shown. */
export async function fetchPart(at: Addresses, after: string, signal?: AbortSignal): Promise<Part> {
  const url = `${at.documents()}?limit=${PART_LENGTH}&after=${encodeURIComponent(after)}`
  const answer = await reach(url, { signal: signal ?? null, headers: { Accept: 'application/json' } })
  if (!answer.ok) throw new Error(await reasonOf(answer))
  const body = (await answer.json()) as { documents?: unknown; next?: unknown }
  const list = Array.isArray(body.documents) ? body.documents : []
  return { entries: list.flatMap(entryOf), next: typeof body.next === 'string' ? body.next : '' }
}

/** Creates an empty document, exactly once however many try. */
export async function create(at: Addresses, name: string): Promise<Created> {
  try {
    const answer = await reach(at.document(name), { method: 'PUT', headers: { 'If-None-Match': '*' } })
    if (answer.status === 412) return { kind: 'exists' }
    return answer.ok ? { kind: 'created' } : { kind: 'failed', why: await reasonOf(answer) }
  } catch (error) {
    return { kind: 'failed', why: error instanceof Error ? error.message : String(error) }
  }
}

async function reach(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, { cache: 'no-store', ...init })
  } catch (error) {
    if (init.signal?.aborted) throw error
    throw new Error('The server cannot be reached. Check your network and that weft is running.')
  }
}

async function reasonOf(answer: Response): Promise<string> {
  if (answer.status === 401 || answer.status === 403)
    return 'You are not allowed to do that here. Sign in, or ask for access.'
  const body = (await answer.json().catch(() => null)) as { error?: { reason?: unknown } } | null
  const reason = body?.error?.reason
  const said = typeof reason === 'string' && reason !== '' ? `: ${reason}` : ''
  return `The server answered ${answer.status}${said}. Try again in a moment.`
}

function entryOf(value: unknown): Entry[] {
  const { name, modified, bytes } = (value ?? {}) as { name?: unknown; modified?: unknown; bytes?: unknown }
  if (typeof name !== 'string' || name === '') return []
  return [
    {
      name,
      modified: typeof modified === 'string' ? Date.parse(modified) : Number.NaN,
      bytes: typeof bytes === 'number' ? bytes : 0,
    },
  ]
}
