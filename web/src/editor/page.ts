/** The editor's page at work: the shared document, its connection, and what of both is shown. */

import type { EditorView } from '@codemirror/view'
import * as encoding from 'lib0/encoding'
import * as syncProtocol from 'y-protocols/sync'
import { messageSync, WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import type { Addresses } from '../document/addresses'
import { type Feed, type FeedState, openFeed } from '../live/feed'
import { Sheet } from '../live/sheet'
import { part, say } from '../look/element'
import { Tally } from '../look/tally'
import { Banner } from './banner'
import { Connection } from './connection'
import { cursorOf, showPosition } from './cursors'
import { observedSocket } from './frames'
import { type Identity, loadIdentity } from './identity'
import { notice, saveLabel } from './notice'
import { type Person, people, published, typingWords } from './people'
import { Profile } from './profile'
import { Roster } from './roster'
import { SaveTracker } from './saved'
import { TypingSignal, typingLine, whoTypes } from './typing'
import { isPlain, openEditor, setEditable } from './writing'

/** How often what depends on the time alone is drawn again, in milliseconds. */
const TICK = 1000

/** One document, open for editing. */
export class EditorPage {
  readonly #at: Addresses
  readonly #name: string
  readonly #doc = new Y.Doc()
  readonly #text: Y.Text
  readonly #provider: WebsocketProvider
  readonly #saves: SaveTracker
  readonly #connection: Connection
  readonly #typing: TypingSignal
  readonly #roster: Roster
  readonly #banner: Banner
  readonly #sheet = new Sheet(part('watch', HTMLElement))
  #feed: Feed | null = null
  #view: EditorView | null = null
  /** Whether the text holds things that are no characters, so that this page cannot edit it. */
  #foreign = false
  #editorHadFocus = false
  readonly #tally = new Tally(part('count', HTMLSpanElement), () =>
    this.#view === null || this.#connection.mode === 'watching' ? this.#sheet.text : this.#text.toString(),
  )

  constructor(at: Addresses, name: string, root: string) {
    this.#at = at
    this.#name = name
    this.#text = this.#doc.getText(root)
    this.#saves = new SaveTracker(
      () => stepOne(this.#doc),
      () => this.#draw(),
    )
    this.#provider = new WebsocketProvider(at.sync(), at.room(name), this.#doc, {
      connect: false,
      WebSocketPolyfill: observedSocket(WebSocket, this.#saves),
    })
    this.#connection = new Connection({
      openFeed: () => this.#openFeed(),
      closeFeed: () => this.#closeFeed(),
      changed: () => this.#draw(),
    })
    this.#typing = new TypingSignal((typing) => this.#provider.awareness.setLocalStateField('typing', typing))
    this.#roster = new Roster(part('people', HTMLUListElement), (person) => this.#goTo(person))
    this.#banner = new Banner({ retry: () => this.#retry(), text: () => this.#text.toString() })
  }

  /** Begins: connects, listens, draws. The page stays open until the browser leaves it. */
  open(): void {
    document.title = `${this.#name} · weft`
    part('title', HTMLHeadingElement).textContent = this.#name
    part('read', HTMLAnchorElement).href = this.#at.reader(this.#name)
    const identity = loadIdentity()
    this.#publish(identity)
    new Profile(identity, (chosen) => this.#publish(chosen))
    this.#listen()
    this.#connection.start()
    this.#provider.connect()
    setInterval(() => this.#draw(), TICK)
    this.#draw()
  }

  #listen(): void {
    const provider = this.#provider
    this.#doc.on('update', (_update: Uint8Array, origin: unknown) => {
      this.#tally.changed()
      if (origin === provider) return
      this.#saves.edited()
      this.#typing.typed()
    })
    this.#text.observe((event) => {
      if (event.delta.some((part) => part.insert !== undefined && typeof part.insert !== 'string'))
        this.#refuseForeign()
    })
    provider.on('sync', (synced) => {
      if (synced) this.#connection.socketSynced()
    })
    provider.on('connection-close', (event) => {
      this.#connection.socketFailed({ code: event?.code ?? 0, reason: event?.reason ?? '' })
    })
    provider.on('closed', (event) => this.#connection.socketRefused(event))
    provider.awareness.on('change', () => this.#drawPeople())
    window.addEventListener('beforeunload', (event) => {
      if (this.#saves.state.unsaved > 0) event.preventDefault()
    })
    window.addEventListener('pagehide', () => provider.awareness.setLocalState(null))
    window.addEventListener('pageshow', (event) => {
      if (event.persisted) this.#publish(loadIdentity())
    })
    window.addEventListener('online', () => this.#reconnectSoon())
  }

  #publish(identity: Identity): void {
    const awareness = this.#provider.awareness
    if (awareness.getLocalState() === null) awareness.setLocalState({})
    awareness.setLocalStateField('user', published(identity))
  }

  /** The network came back: what looked connected may be dead, and what waits need not wait. */
  #reconnectSoon(): void {
    if (this.#connection.mode === 'refused' || this.#connection.mode === 'live') return
    this.#provider.disconnect()
    this.#provider.connect()
  }

  #retry(): void {
    this.#connection.retry()
    this.#provider.connect()
  }

  #openFeed(): void {
    this.#feed = openFeed(this.#at.view(this.#name), {
      whole: (text) => {
        this.#sheet.replace(text)
        this.#tally.changed()
        this.#feedState({ kind: 'live' })
      },
      splices: (splices) => {
        this.#sheet.apply(splices)
        this.#tally.changed()
      },
      state: (state) => this.#feedState(state),
    })
  }

  #closeFeed(): void {
    this.#feed?.close()
    this.#feed = null
  }

  #feedState(state: FeedState): void {
    if (state.kind === 'live') this.#connection.feedLive()
    else if (state.kind !== 'connecting') this.#connection.feedFailed()
  }

  /** Draws everything that depends on the connection and on saving. */
  #draw(): void {
    const { mode, close, loaded } = this.#connection
    const save = this.#saves.state
    const label = saveLabel(mode, save, Date.now())
    const element = part('save', HTMLSpanElement)
    element.dataset.kind = label.kind
    element.title = label.title
    say(element, label.text)
    this.#banner.show(this.#foreign ? FOREIGN : notice(mode, save, close, loaded))
    this.#drawText()
    this.#drawPeople()
  }

  /** Shows the editor or the live view, whichever the mode calls for. */
  #drawText(): void {
    const { mode, loaded } = this.#connection
    const watching = mode === 'watching' || this.#foreign
    if (loaded && this.#view === null && !this.#foreign) this.#openEditor()
    const editor = part('editor', HTMLDivElement)
    const watch = part('watch', HTMLElement)
    if (watching && watch.hidden) {
      this.#editorHadFocus = this.#view?.hasFocus === true
      this.#typing.stop()
    }
    editor.hidden = watching || this.#view === null
    part('loading', HTMLDivElement).hidden = watching || mode === 'refused' || this.#view !== null
    if (this.#view !== null) setEditable(this.#view, !watching && mode !== 'refused')
    if (watch.hidden === watching) this.#tally.changed()
    const back = !watching && !watch.hidden
    watch.hidden = !watching
    if (back) {
      this.#view?.requestMeasure()
      if (this.#editorHadFocus) this.#view?.focus()
    }
  }

  #openEditor(): void {
    if (!isPlain(this.#text)) {
      this.#refuseForeign()
      return
    }
    const editor = part('editor', HTMLDivElement)
    editor.hidden = false
    this.#view = openEditor(editor, this.#text, this.#provider.awareness, `Text of ${this.#name}`)
    setEditable(this.#view, true)
    this.#view.focus()
    this.#tally.changed()
  }

  /** Gives up editing a text that holds more than characters, and shows it live instead. */
  #refuseForeign(): void {
    if (this.#foreign) return
    this.#foreign = true
    this.#view?.destroy()
    this.#view = null
    if (this.#feed === null) this.#openFeed()
    this.#draw()
  }

  #drawPeople(): void {
    const awareness = this.#provider.awareness
    const typing = whoTypes(typingWords(awareness), Date.now())
    this.#roster.show(people(awareness), new Set(typing))
    say(part('typing', HTMLSpanElement), typingLine(typing))
  }

  #goTo(person: Person): void {
    const position = cursorOf(this.#provider.awareness, this.#text, person.clientID)
    if (this.#view !== null && position !== null) showPosition(this.#view, position)
  }
}

const FOREIGN = {
  tone: 'warning',
  title: 'This document holds more than plain text',
  detail: 'Pictures or other objects from another editor would be lost here, so you can only watch it.',
  action: null,
  copy: false,
} as const

/** A whole SyncStep1 frame of the document as it is now. */
function stepOne(doc: Y.Doc): Uint8Array<ArrayBuffer> {
  const encoder = encoding.createEncoder()
  encoding.writeVarUint(encoder, messageSync)
  syncProtocol.writeSyncStep1(encoder, doc)
  return encoding.toUint8Array(encoder)
}
