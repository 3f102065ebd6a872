/**
 * How the parts of a line look, as Markdown reads them: what kind of line it is, and what in it is strong, emphasised,
 * code or a link. A light reading, line by line and without nesting: the reader's page shows the text as it is written,
 * marks included, and only makes it pleasant to the eye.
 */

/** A part of a line, in UTF-16 units; `look` is its class, empty for what is plain. */
export interface Part {
  from: number
  to: number
  look: '' | 'marker' | 'strong' | 'emphasis' | 'code' | 'link'
}

/** Lines longer than this many UTF-16 units are left plain, so that no line can cost much. */
const MOST = 5000

const LOOKS = ['code', 'strong', 'emphasis', 'link'] as const
const SPANS = new RegExp(
  [
    /(?<tick>`+)(?<code>[^`]+)\k<tick>/,
    /(?<two>\*\*|__)(?<strong>(?=\S)[^*_]+?(?<=\S))\k<two>/,
    /(?<![\w*])(?<one>\*|_)(?<emphasis>(?=\S)[^*_]+?(?<=\S))\k<one>(?![\w*])/,
    /\[(?<link>[^\]]+)\](?=\()/,
  ]
    .map((span) => span.source)
    .join('|'),
  'g',
)

/** The class of a line by its beginning. */
export function kindOf(line: string): string {
  const heading = /^(#{1,6})\s/.exec(line)
  if (heading?.[1]) return `heading heading-${Math.min(heading[1].length, 4)}`
  if (/^\s*>/.test(line)) return 'quote'
  if (/^\s*([-*+]|\d{1,9}[.)])\s/.test(line)) return 'item'
  return 'plain'
}

/** The parts of a line in order. Together they are the whole line; an empty line has none. */
export function partsOf(line: string): Part[] {
  const parts: Part[] = []
  let done = 0
  const add = (to: number, look: Part['look']) => {
    if (to > done) parts.push({ from: done, to, look })
    done = Math.max(done, to)
  }
  if (line.length > MOST) {
    add(line.length, '')
    return parts
  }
  add(/^(#{1,6}\s|\s*>\s?|\s*([-*+]|\d{1,9}[.)])\s)/.exec(line)?.[0].length ?? 0, 'marker')
  SPANS.lastIndex = done
  for (let found = SPANS.exec(line); found !== null; found = SPANS.exec(line)) {
    const groups = found.groups ?? {}
    const look = LOOKS.find((name) => groups[name] !== undefined) ?? 'link'
    const text = groups[look] ?? ''
    const edge = look === 'link' ? 1 : (found[0].length - text.length) / 2
    add(found.index, '')
    add(found.index + edge, 'marker')
    add(found.index + edge + text.length, look)
    add(found.index + found[0].length, 'marker')
  }
  add(line.length, '')
  return parts
}
