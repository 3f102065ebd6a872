// Shared types that are filled before they are inserted, and deltas, as operations of a script describe them.
//
// A type is {y kind, m name, s string, w attributes of it, d delta, l list of parts, e parts with keys}; a part is
// {m key, v value} or {m key, t type}. A step of a delta is {s string}, {e embed}, {t type}, {r retained} or {x deleted},
// each with attributes w.
import * as Y from 'yjs'
import { valueFromScript } from './values.mjs'

const part = (p) => (p.t ? build(p.t) : valueFromScript(p.v))

const attributesOf = (w) => (w === undefined ? undefined : valueFromScript(w))

const stepOf = (step) => {
  const attributes = attributesOf(step.w)
  if (step.s !== undefined) return { insert: valueFromScript(step.s), attributes }
  if (step.t !== undefined) return { insert: build(step.t), attributes }
  if (step.r !== undefined) return { retain: step.r, attributes }
  if (step.x !== undefined) return { delete: step.x }
  return { insert: valueFromScript(step.e), attributes }
}

/** The delta that a script describes. */
export const deltaOf = (steps) => (steps ?? []).map(stepOf)

const buildText = (t, spec) => {
  if (spec.s !== undefined) t.insert(0, valueFromScript(spec.s), attributesOf(spec.w))
  if (spec.d !== undefined) t.applyDelta(deltaOf(spec.d))
  for (const p of spec.e ?? []) t.setAttribute(p.m, part(p))
  return t
}

const buildNode = (t, spec) => {
  t.insert(0, (spec.l ?? []).map(part))
  for (const p of spec.e ?? []) t.setAttribute(p.m, part(p))
  return t
}

/** A type with its content that is in no document yet. */
export const build = (spec) => {
  switch (spec.y) {
    case 't':
      return buildText(new Y.Text(), spec)
    case 'x':
      return buildText(new Y.XmlText(), spec)
    case 'a':
      return Y.Array.from((spec.l ?? []).map(part))
    case 'm':
      return new Y.Map((spec.e ?? []).map((p) => [p.m, part(p)]))
    case 'h': {
      const hook = new Y.XmlHook(spec.m)
      for (const p of spec.e ?? []) hook.set(p.m, part(p))
      return hook
    }
    case 'e':
      return buildNode(new Y.XmlElement(spec.m), spec)
    case 'f':
      return buildNode(new Y.XmlFragment(), { l: spec.l })
    default:
      throw new Error(`unknown kind of type ${spec.y}`)
  }
}

// What Yjs cannot copy: types in a text or a hook, which it inserts a second time instead. A subdocument would be in two
// places as one object.
const weight = (v) => {
  if (v instanceof Y.Doc) return Number.POSITIVE_INFINITY
  if (!(v instanceof Y.AbstractType)) return 1
  if (v instanceof Y.Text) return 1 + v.length + sum(v.toDelta().map((op) => (isObject(op.insert) ? Number.POSITIVE_INFINITY : 0)))
  if (v instanceof Y.XmlHook) return 1 + sum([...v.values()].map((e) => (isObject(e) ? Number.POSITIVE_INFINITY : 1)))
  if (v instanceof Y.Map) return 1 + sum([...v.values()].map(weight))
  return 1 + sum(v.toArray().map(weight)) + (v instanceof Y.XmlElement ? sum(Object.values(v.getAttributes()).map(plainWeight)) : 0)
}

const isObject = (v) => v instanceof Y.AbstractType || v instanceof Y.Doc
const plainWeight = (v) => (isObject(v) ? Number.POSITIVE_INFINITY : 1)
const sum = (list) => list.reduce((a, b) => a + b, 0)

/** Whether Yjs can copy a type, and it is small enough for copies of copies. */
export const copyable = (t) => weight(t) <= 40
