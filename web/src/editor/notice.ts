/** The words of the editor page: the state of saving, and the banner that says what is wrong and what to do. */

import type { Close, Mode } from './connection'
import type { SaveState } from './saved'

/** The short state beside the document's name. */
export interface SaveLabel {
  kind: 'saved' | 'saving' | 'unsaved' | 'waiting'
  text: string
  title: string
}

/** After this long without an answer the label says that the server is slow. In milliseconds. */
export const SLOW_SAVE = 8000

/** What is said about saving. `now` is in milliseconds of the same clock as the state. */
export function saveLabel(mode: Mode, save: SaveState, now: number): SaveLabel {
  if (mode === 'connecting') {
    return { kind: 'waiting', text: 'Connecting…', title: 'The document is being loaded.' }
  }
  if (save.unsaved === 0) {
    if (mode === 'live') return { kind: 'saved', text: 'Saved', title: 'Everything is on the server’s disk.' }
    if (mode === 'watching') {
      return { kind: 'waiting', text: 'Read only', title: 'You are watching. Nothing of yours is unsaved.' }
    }
    const text = mode === 'reconnecting' ? 'Reconnecting…' : 'Not connected'
    return { kind: 'waiting', text, title: 'Everything you typed before is on the server’s disk.' }
  }
  if (mode === 'live' || (mode === 'reconnecting' && save.sending)) {
    const slow = save.since !== null && now - save.since > SLOW_SAVE
    return slow
      ? {
          kind: 'saving',
          text: 'Still saving…',
          title: 'The server takes long to answer. Keep this page open.',
        }
      : { kind: 'saving', text: 'Saving…', title: 'Your last edits are on their way to the server’s disk.' }
  }
  return {
    kind: 'unsaved',
    text: `${edits(save.unsaved)} not saved`,
    title: 'Kept in this page until the connection is back. Do not close it.',
  }
}

/** The banner. `action` is the label of its button, with what it does. */
export interface Notice {
  tone: 'calm' | 'warning' | 'danger'
  title: string
  detail: string
  action: { kind: 'retry' | 'reload'; label: string } | null
  /** Whether to offer the local text for copying. */
  copy: boolean
}

/** What the banner says, or null when there is nothing to say. */
export function notice(mode: Mode, save: SaveState, close: Close | null, loaded: boolean): Notice | null {
  const kept =
    save.unsaved > 0
      ? ` ${upper(edits(save.unsaved))} of yours wait in this page. Keep it open, they will be sent.`
      : ''
  switch (mode) {
    case 'watching':
      return {
        tone: 'warning',
        title: 'Watching live, without editing',
        detail: `${socketTrouble(close)} Editing comes back by itself as soon as the connection can be made.${kept}`,
        action: null,
        copy: save.unsaved > 0,
      }
    case 'offline':
      return {
        tone: 'warning',
        title: 'The server cannot be reached',
        detail: `${serverTrouble(close)}${loaded ? offlineHint(save) : ' The document will open as soon as it answers.'}`,
        action: null,
        copy: save.unsaved > 0,
      }
    case 'refused':
      return refusal(close, save, loaded)
    default:
      return null
  }
}

function offlineHint(save: SaveState): string {
  if (save.unsaved === 0) return ' You can go on writing; keep this page open until it says “Saved”.'
  return ` You can go on writing. ${upper(edits(save.unsaved))} wait in this page: keep it open until it says “Saved”.`
}

function socketTrouble(close: Close | null): string {
  if (close !== null && close.code >= 4500 && close.code < 4600) return serverTrouble(close)
  return 'The WebSocket connection that editing needs is blocked, perhaps by a proxy, a firewall or an extension.'
}

/** Why the server does not take us at the moment, by its close code. */
function serverTrouble(close: Close | null): string {
  switch (close?.code) {
    case 1012:
      return 'It is restarting.'
    case 1013:
    case 4529:
      return 'It is busy and asks to slow down.'
    case 4500:
      return 'It cannot read this document from its disk. Ask whoever runs it to look at its log.'
    case 4503:
      return 'It could not load the document just now.'
    case 4507:
      return 'Its disk is full, so it takes no edits. Ask whoever runs it to make room.'
    default:
      return 'Check your network.'
  }
}

/** The banner for a session that the server ended for good. */
function refusal(close: Close | null, save: SaveState, loaded: boolean): Notice {
  const said = close?.reason ? ` The server says: “${close.reason}”.` : ''
  const copy = save.unsaved > 0
  const retry = { kind: 'retry', label: 'Try again' } as const
  const base = { tone: 'danger', copy, action: retry } as const
  switch (close?.code) {
    case 4401:
      return { ...base, title: 'You need to sign in', detail: `Sign in again, then try once more.${said}` }
    case 4403:
      return {
        ...base,
        title: 'You may not edit this document',
        detail: `Ask its owner for access, then try again.${said}`,
      }
    case 4404:
      return {
        ...base,
        title: 'There is no such document',
        detail: `Check its name, or create it on the first page.${said}`,
      }
    case 4409:
      return {
        ...base,
        title: 'This copy is from before the document was replaced',
        detail: `Copy what you still need, then load the new document.${said}`,
        action: { kind: 'reload', label: 'Load the new document' },
        copy: loaded,
      }
    case 4413:
      return {
        ...base,
        title: 'The document or your last edit is too large',
        detail: `Copy your text, reload and paste less of it.${said}`,
        action: { kind: 'reload', label: 'Reload' },
        copy: loaded,
      }
    default:
      return {
        ...base,
        title: 'The server ended this session',
        detail: `Copy what is not saved, then reload.${said}`,
        action: { kind: 'reload', label: 'Reload' },
        copy,
      }
  }
}

function edits(count: number): string {
  return count === 1 ? '1 edit' : `${count} edits`
}

function upper(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
