/**
 * Cursors: publishes this tab's own and draws those of the others in layers over and under the text. The states have the
 * form of y-codemirror.next, so that its users see ours and we see theirs. Everything is styled through the CSSOM, which
 * a strict Content-Security-Policy allows, and nothing is put into the text itself.
 */

import type { Extension } from '@codemirror/state'
import { EditorSelection, StateEffect } from '@codemirror/state'
import {
  EditorView,
  type LayerMarker,
  layer,
  RectangleMarker,
  ViewPlugin,
  type ViewUpdate,
} from '@codemirror/view'
import type { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { inkOn } from './identity'
import { identityOf, MOST_PEOPLE } from './people'

/** How long a name stays beside a cursor that moved, in milliseconds. */
const NAME_MILLISECONDS = 3500

/** Room that a name may need, in CSS pixels. */
const NAME_PIXELS = 220

const redraw = StateEffect.define<null>()

/** A cursor of somebody else, in UTF-16 units of the text. */
export interface RemoteCursor {
  clientID: number
  name: string
  color: string
  anchor: number
  head: number
}

/** The cursors of the others that lie in this text. States that make no sense are left out. */
export function remoteCursors(awareness: Awareness, text: Y.Text): RemoteCursor[] {
  const found: RemoteCursor[] = []
  for (const [clientID, state] of awareness.getStates()) {
    if (clientID === awareness.clientID || found.length >= MOST_PEOPLE) continue
    const cursor = state.cursor as { anchor?: unknown; head?: unknown } | null | undefined
    const anchor = indexOf(cursor?.anchor, text)
    const head = indexOf(cursor?.head, text)
    if (anchor === null || head === null) continue
    found.push({ clientID, anchor, head, ...identityOf(state, clientID) })
  }
  return found
}

/** Where somebody's cursor is; null when they have none here. */
export function cursorOf(awareness: Awareness, text: Y.Text, clientID: number): number | null {
  return remoteCursors(awareness, text).find((cursor) => cursor.clientID === clientID)?.head ?? null
}

function indexOf(position: unknown, text: Y.Text): number | null {
  if (typeof position !== 'object' || position === null || text.doc === null) return null
  try {
    const relative = Y.createRelativePositionFromJSON(position)
    const absolute = Y.createAbsolutePositionFromRelativePosition(relative, text.doc)
    return absolute !== null && absolute.type === text ? absolute.index : null
  } catch {
    return null
  }
}

/** The extension that publishes and draws cursors. */
export function cursors(awareness: Awareness, text: Y.Text): Extension {
  return [publisher(awareness, text), selections(awareness, text), carets(awareness, text)]
}

/** Publishes the own selection while the editor has the focus, and redraws when the others' states change. */
function publisher(awareness: Awareness, text: Y.Text): Extension {
  return ViewPlugin.define((view) => {
    const changed = (change: { added: number[]; updated: number[]; removed: number[] }) => {
      const ids = [...change.added, ...change.updated, ...change.removed]
      if (ids.some((id) => id !== awareness.clientID)) view.dispatch({ effects: redraw.of(null) })
    }
    awareness.on('change', changed)
    return {
      update(update: ViewUpdate) {
        if (!update.view.hasFocus) return
        if (update.docChanged || update.selectionSet || update.focusChanged)
          publish(update.view, awareness, text)
      },
      destroy() {
        awareness.off('change', changed)
      },
    }
  })
}

function publish(view: EditorView, awareness: Awareness, text: Y.Text): void {
  const { anchor, head } = view.state.selection.main
  if (awareness.getLocalState() === null || Math.max(anchor, head) > text.length) return
  const cursor = {
    anchor: Y.relativePositionToJSON(Y.createRelativePositionFromTypeIndex(text, anchor)),
    head: Y.relativePositionToJSON(Y.createRelativePositionFromTypeIndex(text, head)),
  }
  const before = awareness.getLocalState()?.cursor
  if (JSON.stringify(before) !== JSON.stringify(cursor)) awareness.setLocalStateField('cursor', cursor)
}

function needsRedraw(update: ViewUpdate): boolean {
  return update.docChanged || update.transactions.some((tr) => tr.effects.some((effect) => effect.is(redraw)))
}

function selections(awareness: Awareness, text: Y.Text): Extension {
  return layer({
    above: false,
    class: 'peer-selections',
    update: needsRedraw,
    markers: (view) =>
      visible(view, remoteCursors(awareness, text)).flatMap((cursor) => {
        if (cursor.anchor === cursor.head) return []
        const range = EditorSelection.range(cursor.anchor, cursor.head)
        return RectangleMarker.forRange(view, 'peer-selection', range).map(
          (rectangle) => new PeerSelection(rectangle, cursor.color),
        )
      }),
  })
}

function carets(awareness: Awareness, text: Y.Text): Extension {
  return layer({
    above: true,
    class: 'peer-carets',
    update: needsRedraw,
    markers: (view) => {
      const width = view.scrollDOM.clientWidth
      return visible(view, remoteCursors(awareness, text)).flatMap((cursor) => {
        const at = EditorSelection.cursor(cursor.head)
        return RectangleMarker.forRange(view, 'peer-caret', at).map(
          (box) => new PeerCaret(box, cursor, width),
        )
      })
    },
  })
}

/** The cursors that the view can draw: between a change of the document and the view's, a position may be too far. */
function visible(view: EditorView, found: RemoteCursor[]): RemoteCursor[] {
  const end = view.state.doc.length
  return found.filter((cursor) => cursor.anchor <= end && cursor.head <= end)
}

/** A rectangle of somebody's selection. */
class PeerSelection implements LayerMarker {
  readonly rectangle: RectangleMarker
  readonly color: string

  constructor(rectangle: RectangleMarker, color: string) {
    this.rectangle = rectangle
    this.color = color
  }

  eq(other: LayerMarker): boolean {
    return other instanceof PeerSelection && other.color === this.color && other.rectangle.eq(this.rectangle)
  }

  draw(): HTMLElement {
    const element = this.rectangle.draw()
    element.style.backgroundColor = this.color
    return element
  }
}

/** Somebody's caret with their name on it. The element is kept while the caret moves, so that it can glide. */
class PeerCaret implements LayerMarker {
  readonly box: RectangleMarker
  readonly cursor: RemoteCursor
  /** Whether the name stands to the left of the caret, because there is no room to the right. */
  readonly leftward: boolean

  /** @param width of the text, in CSS pixels */
  constructor(box: RectangleMarker, cursor: RemoteCursor, width: number) {
    this.box = box
    this.cursor = cursor
    this.leftward = box.left > width / 2 && box.left > width - NAME_PIXELS
  }

  eq(other: LayerMarker): boolean {
    return (
      other instanceof PeerCaret &&
      other.cursor.clientID === this.cursor.clientID &&
      other.cursor.name === this.cursor.name &&
      other.cursor.color === this.cursor.color &&
      other.box.eq(this.box)
    )
  }

  draw(): HTMLElement {
    const caret = document.createElement('div')
    caret.className = 'peer-caret'
    const name = document.createElement('span')
    name.className = 'peer-name'
    caret.append(name)
    this.#place(caret, name)
    return caret
  }

  update(caret: HTMLElement, previous: LayerMarker): boolean {
    const name = caret.firstElementChild
    if (!(previous instanceof PeerCaret) || !(name instanceof HTMLElement)) return false
    if (previous.cursor.clientID !== this.cursor.clientID) return false
    this.#place(caret, name)
    return true
  }

  #place(caret: HTMLElement, name: HTMLElement): void {
    caret.style.left = `${this.box.left}px`
    caret.style.top = `${this.box.top}px`
    caret.style.height = `${this.box.height}px`
    caret.style.backgroundColor = this.cursor.color
    caret.classList.toggle('leftward', this.leftward)
    caret.dataset.client = String(this.cursor.clientID)
    name.textContent = this.cursor.name
    name.style.backgroundColor = this.cursor.color
    name.style.color = inkOn(this.cursor.color)
    for (const animation of name.getAnimations()) animation.cancel()
    name.animate([{ opacity: 1 }, { opacity: 1, offset: 0.9 }, { opacity: 0 }], {
      duration: NAME_MILLISECONDS,
      fill: 'forwards',
    })
  }
}

/** Brings a position into sight, in the middle of the page. */
export function showPosition(view: EditorView, position: number): void {
  view.dispatch({ effects: EditorView.scrollIntoView(position, { y: 'center' }) })
}
