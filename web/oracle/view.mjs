// What a type offers to read beside its content, as one text: slices of an array, the size of a map, the way through XML.
import * as Y from 'yjs'
import { canonical, canonicalString } from './values.mjs'

const tags = ['K', 'q', 'a Key', '1', 'Ü😀']

const nameOf = (t) => {
  if (!t) return '-'
  if (t instanceof Y.XmlElement) return `<${canonicalString(t.nodeName)}>`
  if (t instanceof Y.XmlHook) return `hook ${canonicalString(t.hookName)}`
  if (t instanceof Y.XmlText) return 'text'
  return 'other'
}

const siblings = (t) =>
  t instanceof Y.XmlElement || t instanceof Y.XmlText ? `${nameOf(t.prevSibling)} ${nameOf(t.nextSibling)} ` : ''

const nodeView = (t) => `${nameOf(t)}(${siblings(t)}${nameOf(t.parent)})`

const xmlView = (t) => {
  const elements = (node) => node instanceof Y.XmlElement && node.length > 0
  return [
    nameOf(t.firstChild),
    [...t.createTreeWalker(() => true)].map(nodeView).join(';'),
    [...t.createTreeWalker(elements)].map(nameOf).join(';'),
    tags.map((tag) => t.querySelectorAll(tag).length).join(','),
    tags.map((tag) => canonical(t.querySelector(tag)?.toString() ?? '')).join(',')
  ].join(' | ')
}

const arrayView = (t) =>
  t.length < 3 ? '' : [t.slice(1), t.slice(1, -1), t.slice(-2, t.length), t.slice(-3, -1)].map((list) => list.map(canonical).join(',')).join(' | ')

/** The text of what a root offers beside its content. */
export const view = (t) => {
  if (t instanceof Y.XmlFragment) return xmlView(t)
  if (t instanceof Y.Array) return arrayView(t)
  if (t instanceof Y.Map) return `${t.size} ${['k', 'q', '1'].map((k) => t.has(k)).join(',')}`
  return ''
}
