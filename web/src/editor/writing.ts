/** The CodeMirror editor bound to the document's text: what it can do and how its text looks. */

import { defaultKeymap, indentWithTab } from '@codemirror/commands'
import { markdownKeymap, markdownLanguage } from '@codemirror/lang-markdown'
import { HighlightStyle, indentUnit, LanguageSupport, syntaxHighlighting } from '@codemirror/language'
import { highlightSelectionMatches, search, searchKeymap } from '@codemirror/search'
import { Compartment, EditorState, type Extension } from '@codemirror/state'
import { drawSelection, dropCursor, EditorView, keymap, placeholder } from '@codemirror/view'
import { tags } from '@lezer/highlight'
import { yCollab, yUndoManagerKeymap } from 'y-codemirror.next'
import type { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { cursors } from './cursors'

const locked = new Compartment()

/** Whether the text is made of characters alone. Other editors can put pictures and the like into a text. */
export function isPlain(text: Y.Text): boolean {
  return text.length === text.toString().length
}

/** Opens an editor on the text in `parent`. It starts locked until `setEditable` is called. */
export function openEditor(
  parent: HTMLElement,
  text: Y.Text,
  awareness: Awareness,
  label: string,
): EditorView {
  return new EditorView({
    parent,
    state: EditorState.create({ doc: text.toString(), extensions: extensions(text, awareness, label) }),
  })
}

/** Lets people write, or not. */
export function setEditable(view: EditorView, editable: boolean): void {
  if (view.state.readOnly !== editable) return
  view.dispatch({ effects: locked.reconfigure(lock(editable)) })
}

function lock(editable: boolean): Extension {
  return [EditorState.readOnly.of(!editable), EditorView.editable.of(editable)]
}

function extensions(text: Y.Text, awareness: Awareness, label: string): Extension[] {
  const undoManager = new Y.UndoManager(text)
  return [
    locked.of(lock(false)),
    EditorView.cspNonce.of(styleNonce()),
    // Only a line feed ends a line, so that positions in the editor and in the shared text are the same.
    EditorState.lineSeparator.of('\n'),
    EditorView.clipboardInputFilter.of((pasted) => pasted.replace(/\r\n?/g, '\n')),
    keymap.of([...yUndoManagerKeymap, ...markdownKeymap, ...searchKeymap, ...defaultKeymap, indentWithTab]),
    search({ top: true }),
    highlightSelectionMatches(),
    drawSelection(),
    dropCursor(),
    indentUnit.of('  '),
    EditorView.lineWrapping,
    EditorView.contentAttributes.of({
      'aria-label': label,
      spellcheck: 'true',
      autocorrect: 'on',
      autocapitalize: 'sentences',
    }),
    placeholder('Start writing. Everybody with this page open sees it as you type.'),
    // The language alone: its full support brings parsers of HTML, CSS and JavaScript, half as large as the editor.
    new LanguageSupport(markdownLanguage),
    syntaxHighlighting(prose),
    // Cursors are our own, so y-codemirror.next gets no awareness to draw.
    yCollab(text, null, { undoManager }),
    cursors(awareness, text),
  ]
}

/** The server puts a nonce for the style elements that CodeMirror makes into the page; none when it allows all. */
function styleNonce(): string {
  return document.querySelector<HTMLMetaElement>('meta[name="style-nonce"]')?.nonce ?? ''
}

const prose = HighlightStyle.define([
  { tag: tags.heading1, class: 'md-heading md-heading-1' },
  { tag: tags.heading2, class: 'md-heading md-heading-2' },
  { tag: tags.heading3, class: 'md-heading md-heading-3' },
  { tag: tags.heading, class: 'md-heading' },
  { tag: tags.strong, class: 'md-strong' },
  { tag: tags.emphasis, class: 'md-emphasis' },
  { tag: tags.strikethrough, class: 'md-struck' },
  { tag: tags.monospace, class: 'md-code' },
  { tag: [tags.link, tags.url], class: 'md-link' },
  { tag: tags.quote, class: 'md-quote' },
  { tag: [tags.processingInstruction, tags.contentSeparator], class: 'md-mark' },
])
