// One local operation of an oracle script, run on a real Yjs document.
//
// An operation names a root, a path into what is nested there, and a verb; what the verb does depends on the type that
// it finds. Positions and counts are taken modulo what is there, so that every operation is valid in every state: that
// is what lets a script be shortened, and what lets its two executors go on after either has found less than it wanted.
//
//   {k verb, r root, p path, a position, b count, s string, v value, w attributes, y kind of nested type, m map key,
//    t type with content, n XML node with content, d delta, z and q root and path of another type; see build.mjs}
//
//   verb            text             array               map, hook     fragment, element
//   i insert        string s (w)     values v            m := s        a new XML text holding s
//   d delete        1+b%8 from a     1+b%4 from a        m             1+b%4 from a
//   f format        w over 1+b%8     string s            m := s        element named m with attribute m = s
//   e embed         v (w)            value v             m := v        element named m
//   n nest          type y (w)       type y              m := type y   XML type y
//   s set           attribute m := v value v at the end  m := v        element: attribute m := v; fragment: XML text
//   u unset         attribute m      1 at a              m             element: attribute m; fragment: 1 at a
//   o subdocument   -                s with options v    m := s, v     -
//   b build         t (w)            t                   m := t        n
//   a after         t (w)            t                   m := t        n behind child a-1, or in front
//   p push          string s         v, t, v             m := v        n, n at the end
//   h unshift       string s at 0    v, v at the start   m := v        n at the start
//   c clear         all              all                 all           all
//   l clone         copy of q (w)    copy of q           m := copy     copy of q, if that is XML
//   r delta         d                value v at the end  m := v        as s
//
// The first letter of a root's name is its type: t text, a array, m map, x XML fragment.
import * as Y from 'yjs'
import { build, copyable, deltaOf } from './build.mjs'
import { valueFromScript } from './values.mjs'

/** The root of a document by name, declared with the type that its first letter says. */
export const rootOf = (doc, name) => {
  switch (name[0]) {
    case 't':
      return doc.getText(name)
    case 'a':
      return doc.getArray(name)
    case 'm':
      return doc.getMap(name)
    case 'x':
      return doc.getXmlFragment(name)
    default:
      throw new Error(`root ${name} does not name a type`)
  }
}

const isType = (v) => v instanceof Y.AbstractType

const byUnits = (a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0)

/** The shared types directly in a type, in the order of a list or of sorted keys. */
export const nestedIn = (t) => {
  if (t instanceof Y.Text) return t.toDelta().map((op) => op.insert).filter(isType)
  if (t instanceof Y.Map) return [...t.entries()].sort(byUnits).map((e) => e[1]).filter(isType)
  return t.toArray().filter(isType)
}

/** What a path leads to, from a root on. */
export const resolvePath = (root, path) => {
  let t = root
  for (const step of path ?? []) {
    const inside = nestedIn(t)
    if (inside.length === 0) break
    t = inside[step % inside.length]
  }
  return t
}

const newType = (kind, name) => {
  switch (kind) {
    case 't':
      return new Y.Text()
    case 'a':
      return new Y.Array()
    case 'm':
      return new Y.Map()
    case 'e':
      return new Y.XmlElement(name)
    case 'f':
      return new Y.XmlFragment()
    case 'h':
      return new Y.XmlHook(name)
    case 'x':
      return new Y.XmlText()
    default:
      throw new Error(`unknown kind of type ${kind}`)
  }
}

const xmlKinds = { t: 'x', a: 'e', m: 'h', f: 'e', e: 'e', h: 'h', x: 'x' }

// An array takes neither undefined nor bigint as a direct element.
const arrayElement = (v) => (v === undefined ? null : typeof v === 'bigint' ? String(v) : v)

const subdocument = (op) => new Y.Doc({ guid: valueFromScript(op.s), ...valueFromScript(op.v ?? ['o']) })

// A copy of another type of the document, if Yjs can copy it and it is small.
const copyOf = (t, op) => {
  const source = resolvePath(rootOf(t.doc, op.z ?? op.r), op.q)
  return copyable(source) ? source : undefined
}

const onText = (t, op) => {
  const at = (op.a ?? 0) % (t.length + 1)
  const attributes = op.w === undefined ? undefined : valueFromScript(op.w)
  switch (op.k) {
    case 'i':
      return t.insert(at, valueFromScript(op.s ?? ''), attributes)
    case 'd':
      return t.length > 0 ? t.delete(op.a % t.length, 1 + (op.b % 8)) : undefined
    case 'f':
      return t.format(at, 1 + (op.b % 8), attributes ?? {})
    case 'e':
      return t.insertEmbed(at, valueFromScript(op.v), attributes)
    case 'n':
      return t.insertEmbed(at, newType(op.y, op.m), attributes)
    case 's':
      return t.setAttribute(op.m, valueFromScript(op.v))
    case 'u':
      return t.removeAttribute(op.m)
    case 'b':
    case 'a':
      return t.insertEmbed(at, build(op.t), attributes)
    case 'p':
      return t.insert(t.length, valueFromScript(op.s ?? ''))
    case 'h':
      return t.insert(0, valueFromScript(op.s ?? ''))
    case 'c':
      return t.delete(0, t.length)
    case 'l': {
      const source = copyOf(t, op)
      return source && t.insertEmbed(at, source.clone(), attributes)
    }
    case 'r':
      return t.applyDelta(deltaOf(op.d), { sanitize: op.b % 4 !== 0 })
  }
}

const onArray = (t, op) => {
  const at = (op.a ?? 0) % (t.length + 1)
  switch (op.k) {
    case 'i': {
      const v = valueFromScript(op.v)
      const list = Array.isArray(v) && v.length > 0 ? v : [v]
      return t.insert(at, list.map(arrayElement))
    }
    case 'd': {
      if (t.length === 0) return
      const from = op.a % t.length
      return t.delete(from, Math.min(1 + (op.b % 4), t.length - from))
    }
    case 'f':
      return t.insert(at, [valueFromScript(op.s)])
    case 'e':
      return t.insert(at, [arrayElement(valueFromScript(op.v))])
    case 'n':
      return t.insert(at, [newType(op.y, op.m)])
    case 's':
    case 'r':
      return t.insert(t.length, [arrayElement(valueFromScript(op.v))])
    case 'u':
      return t.length > 0 ? t.delete(op.a % t.length, 1) : undefined
    case 'b':
    case 'a':
      return t.insert(at, [build(op.t)])
    case 'p': {
      const v = arrayElement(valueFromScript(op.v))
      return t.push([v, build(op.t), v])
    }
    case 'h': {
      const v = arrayElement(valueFromScript(op.v))
      return t.unshift([v, v])
    }
    case 'c':
      return t.delete(0, t.length)
    case 'l': {
      const source = copyOf(t, op)
      return source && t.insert(at, [source.clone()])
    }
    case 'o':
      return t.insert(at, [subdocument(op)])
  }
}

const onMap = (t, op) => {
  switch (op.k) {
    case 'i':
    case 'f':
      return t.set(op.m, valueFromScript(op.s))
    case 'e':
    case 's':
    case 'p':
    case 'h':
    case 'r':
      return t.set(op.m, valueFromScript(op.v))
    case 'b':
    case 'a':
      return t.set(op.m, build(op.t))
    case 'c':
      return t.clear()
    case 'l': {
      const source = copyOf(t, op)
      return source && t.set(op.m, source.clone())
    }
    case 'n':
      return t.set(op.m, newType(op.y, op.m))
    case 'd':
    case 'u':
      return t.delete(op.m)
    case 'o':
      return t.set(op.m, subdocument(op))
  }
}

const isNode = (t) => t instanceof Y.XmlFragment || t instanceof Y.XmlText || t instanceof Y.XmlHook

const insertXmlText = (t, at, op) => {
  const text = new Y.XmlText()
  t.insert(at, [text])
  if (op.s !== undefined) text.insert(0, valueFromScript(op.s), op.w === undefined ? undefined : valueFromScript(op.w))
}

const onXml = (t, op) => {
  const at = (op.a ?? 0) % (t.length + 1)
  const element = t instanceof Y.XmlElement
  switch (op.k) {
    case 'i':
      return insertXmlText(t, at, op)
    case 'd': {
      if (t.length === 0) return
      const from = op.a % t.length
      return t.delete(from, Math.min(1 + (op.b % 4), t.length - from))
    }
    case 'f': {
      const el = new Y.XmlElement(op.m)
      t.insert(at, [el])
      return el.setAttribute(op.m, valueFromScript(op.s))
    }
    case 'e':
      return t.insert(at, [new Y.XmlElement(op.m)])
    case 'n':
      return t.insert(at, [newType(xmlKinds[op.y], op.m)])
    case 'b':
      return t.insert(at, [build(op.n)])
    case 'a':
      return t.insertAfter(at === 0 ? null : t.get(at - 1), [build(op.n)])
    case 'p':
      return t.push([build(op.n), build(op.n)])
    case 'h':
      return t.unshift([build(op.n)])
    case 'c':
      return t.delete(0, t.length)
    case 'l': {
      const source = copyOf(t, op)
      return isNode(source) ? t.insert(at, [source.clone()]) : undefined
    }
    case 's':
    case 'r':
      return element ? t.setAttribute(op.m, valueFromScript(op.v)) : insertXmlText(t, at, op)
    case 'u':
      if (element) return t.removeAttribute(op.m)
      return t.length > 0 ? t.delete(op.a % t.length, 1) : undefined
  }
}

/** Runs one operation; it is the caller's to hold a transaction. */
export const runOp = (doc, op) => {
  const t = resolvePath(rootOf(doc, op.r), op.p)
  if (t instanceof Y.Text) onText(t, op)
  else if (t instanceof Y.Array) onArray(t, op)
  else if (t instanceof Y.Map) onMap(t, op)
  else onXml(t, op)
}
