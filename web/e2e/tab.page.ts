/** A page that is nothing but an unmodified provider, for tests of what tabs of one browser do among themselves. */

import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'

/** What the page shows to its test. */
export interface Tab {
  clientID: number
  doc: Y.Doc
  provider: WebsocketProvider
  /** Ids that went, and when, in milliseconds. */
  gone: { id: number; at: number }[]
  /** Ids that came or changed, likewise. */
  came: { id: number; at: number }[]
}

declare global {
  interface Window {
    tab: Tab
    open_tab: (name: string, user: string) => number
  }
}

window.open_tab = (name, user) => {
  const doc = new Y.Doc()
  const provider = new WebsocketProvider(`${location.origin.replace('http', 'ws')}/sync`, name, doc)
  const tab: Tab = { clientID: doc.clientID, doc, provider, gone: [], came: [] }
  // Who comes back is one that is updated: the provider remembers the clocks of those who went.
  const changed = ({
    added,
    updated,
    removed,
  }: {
    added: number[]
    updated: number[]
    removed: number[]
  }) => {
    const at = Date.now()
    tab.came.push(...[...added, ...updated].map((id) => ({ id, at })))
    tab.gone.push(...removed.map((id) => ({ id, at })))
  }
  provider.awareness.on('change', changed)
  provider.awareness.setLocalState({ user })
  window.tab = tab
  return doc.clientID
}
