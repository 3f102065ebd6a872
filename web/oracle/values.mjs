// Values as they travel between the oracle's two sides, and the canonical text by which both sides compare them.
//
// A script is JSON, and JSON has no undefined, no bigint, no -0, no NaN, no binary, no lone surrogate and no promise
// about the order of keys. So a value in a script is either a JSON scalar that means itself, or a tagged array:
//
//   ["u"]                undefined
//   ["n", "-0"]          a number that JSON lacks: -0, NaN, Infinity, -Infinity, or its 16 hex digits as a float64
//   ["b", "-5"]          bigint
//   ["x", "00ff"]        binary
//   ["s", "d83d0041"]    string, as the hex of its UTF-16 units
//   ["a", v, ...]        array
//   ["o", k, v, ...]     object; keys are values too (strings), in the order in which they are set
//
// The canonical text is made so that equal text means equal value: numbers keep their sign of zero, objects keep the
// order of their keys. A lone surrogate shows as U+FFFD, as it does in weft's strings.
import * as Y from 'yjs'

const quote = (s) => JSON.stringify(s.toWellFormed())

const view = new DataView(new ArrayBuffer(8))

/** The canonical text of a string. */
export const canonicalString = quote

/** The script form of a string: itself when it is well formed, its units otherwise. */
export const stringToScript = (s) => {
  if (s.isWellFormed()) return s
  let hex = ''
  for (let i = 0; i < s.length; i++) hex += s.charCodeAt(i).toString(16).padStart(4, '0')
  return ['s', hex]
}

const numberFromScript = (s) => {
  switch (s) {
    case '-0':
      return -0
    case 'NaN':
      return Number.NaN
    case 'Infinity':
      return Number.POSITIVE_INFINITY
    case '-Infinity':
      return Number.NEGATIVE_INFINITY
  }
  view.setBigUint64(0, BigInt(`0x${s}`))
  return view.getFloat64(0)
}

const stringFromUnits = (hex) => {
  let s = ''
  for (let i = 0; i < hex.length; i += 4) s += String.fromCharCode(Number.parseInt(hex.slice(i, i + 4), 16))
  return s
}

/** The JavaScript value of a script value. */
export const valueFromScript = (v) => {
  if (!Array.isArray(v)) return v
  switch (v[0]) {
    case 'u':
      return undefined
    case 'n':
      return numberFromScript(v[1])
    case 'b':
      return BigInt(v[1])
    case 'x':
      return new Uint8Array(Buffer.from(v[1], 'hex'))
    case 's':
      return stringFromUnits(v[1])
    case 'a':
      return v.slice(1).map(valueFromScript)
    case 'o': {
      const o = {}
      for (let i = 1; i < v.length; i += 2) {
        Object.defineProperty(o, valueFromScript(v[i]), {
          value: valueFromScript(v[i + 1]),
          enumerable: true,
          writable: true,
          configurable: true
        })
      }
      return o
    }
    default:
      throw new Error(`unknown value tag ${JSON.stringify(v[0])}`)
  }
}

const canonicalNumber = (n) => {
  if (Object.is(n, -0)) return '-0'
  if (Number.isSafeInteger(n)) return String(n)
  if (Number.isNaN(n)) return 'NaN'
  if (!Number.isFinite(n)) return n > 0 ? 'Infinity' : '-Infinity'
  view.setFloat64(0, n)
  return `f${view.getBigUint64(0).toString(16).padStart(16, '0')}`
}

/** The canonical text of any value that Yjs can hold, shared types and subdocuments included. */
export const canonical = (v) => {
  switch (typeof v) {
    case 'undefined':
      return 'undefined'
    case 'boolean':
      return v ? 'true' : 'false'
    case 'number':
      return canonicalNumber(v)
    case 'bigint':
      return `${v}n`
    case 'string':
      return quote(v)
  }
  if (v === null) return 'null'
  if (v instanceof Uint8Array) return `<${Buffer.from(v).toString('hex')}>`
  if (Array.isArray(v)) return `[${v.map(canonical).join(',')}]`
  if (v instanceof Y.AbstractType) return canonicalType(v)
  if (v instanceof Y.Doc) return `doc(${quote(v.guid)},${canonical(v._item?.content.opts ?? v.options ?? {})})`
  return `{${Object.keys(v)
    .map((k) => `${quote(k)}:${canonical(v[k])}`)
    .join(',')}}`
}

const byUnits = (a, b) => (a < b ? -1 : a > b ? 1 : 0)

/** The canonical text of an object with its keys sorted; text makes that of a value. */
export const sortedObject = (o, text = canonical) =>
  `{${Object.keys(o)
    .sort(byUnits)
    .map((k) => `${quote(k)}:${text(o[k])}`)
    .join(',')}}`

const sortedMap = (m) =>
  `{${[...m.entries()]
    .sort((a, b) => byUnits(a[0], b[0]))
    .map(([k, v]) => `${quote(k)}:${canonical(v)}`)
    .join(',')}}`

/** The canonical text of a delta: attribute names sorted, for their order is not state. */
export const canonicalDelta = (delta, text = canonical) =>
  `[${delta.map((op) => (op.attributes ? `${text(op.insert)}${sortedObject(op.attributes)}` : text(op.insert))).join(',')}]`

/** The canonical text of a shared type with all that is in it. Keys of maps are sorted, for their order is not state. */
export const canonicalType = (t) => {
  if (t instanceof Y.XmlText) return `xmltext(${canonicalDelta(t.toDelta())},${sortedObject(t.getAttributes())})`
  if (t instanceof Y.Text) return `text(${canonicalDelta(t.toDelta())},${sortedObject(t.getAttributes())})`
  if (t instanceof Y.Array) return `array[${t.toArray().map(canonical).join(',')}]`
  if (t instanceof Y.XmlHook) return `hook(${quote(t.hookName)},${sortedMap(t)})`
  if (t instanceof Y.Map) return `map${sortedMap(t)}`
  if (t instanceof Y.XmlElement) {
    return `element(${quote(t.nodeName)},${sortedObject(t.getAttributes())},[${t.toArray().map(canonical).join(',')}])`
  }
  if (t instanceof Y.XmlFragment) return `fragment[${t.toArray().map(canonical).join(',')}]`
  throw new Error(`no canonical text for ${t.constructor.name}`)
}

/** A value as JSON.stringify writes it, a bigint as the string of its digits. */
export const jsonText = (v) => JSON.stringify(v, (_, inner) => (typeof inner === 'bigint' ? String(inner) : inner))
