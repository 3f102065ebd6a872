/**
 * A text kept as lines, so that a splice touches only the lines that it changes. Pure: the page draws what this says.
 */

import { checkSplice, type Splice } from '../document/splice'

/** A stretch of a line that changed lately, in UTF-16 units of the line. An empty stretch marks a deletion. */
export interface Trace {
  from: number
  to: number
  /** When it changed, in milliseconds of the clock that was given. */
  time: number
}

/** One line of the text without its line feed. */
export interface Line {
  text: string
  traces: Trace[]
}

/** What a splice did: `removed` lines from `index` on were replaced by the `added` lines that stand there now. */
export interface LineChange {
  index: number
  removed: number
  added: number
}

/** The lines of a text. There is always at least one. */
export class Paragraphs {
  #lines: Line[] = [{ text: '', traces: [] }]
  #length = 0

  /** The lines, not to be changed by the caller. */
  get lines(): readonly Line[] {
    return this.#lines
  }

  /** Length of the text in UTF-16 units, line feeds included. */
  get length(): number {
    return this.#length
  }

  get text(): string {
    return this.#lines.map((line) => line.text).join('\n')
  }

  /** Replaces everything, without traces. */
  replace(text: string): void {
    this.#lines = text.split('\n').map((line) => ({ text: line, traces: [] }))
    this.#length = text.length
  }

  /** Applies a splice and says which lines changed. Throws SpliceError when it does not fit; then nothing changed. */
  apply(splice: Splice, time: number): LineChange {
    checkSplice(this.#length, splice)
    const [position, deleted, inserted] = splice
    const first = this.#locate(position)
    const last = deleted === 0 ? first : this.#locate(position + deleted)
    const head = this.#line(first.index)
    const tail = this.#line(last.index)

    const texts = (head.text.slice(0, first.offset) + inserted + tail.text.slice(last.offset)).split('\n')
    const added: Line[] = texts.map((text) => ({ text, traces: [] }))
    traceInsertion(added, first.offset, inserted, time)
    keepTraces(added, head, first.offset, tail, last.offset)

    const removed = last.index - first.index + 1
    spliceLines(this.#lines, first.index, removed, added)
    this.#length += inserted.length - deleted
    return { index: first.index, removed, added: added.length }
  }

  /** Forgets traces from before `time`; returns the indexes of the lines that lost one. */
  forget(time: number): number[] {
    const changed: number[] = []
    this.#lines.forEach((line, index) => {
      const kept = line.traces.filter((trace) => trace.time >= time)
      if (kept.length === line.traces.length) return
      line.traces = kept
      changed.push(index)
    })
    return changed
  }

  #line(index: number): Line {
    const line = this.#lines[index]
    if (line === undefined) throw new RangeError(`no line ${index}`)
    return line
  }

  /** The line that holds a position, and the offset in it. A position behind a line feed is on the next line. */
  #locate(position: number): { index: number; offset: number } {
    let rest = position
    for (let index = 0; ; index++) {
      const length = this.#line(index).text.length
      if (rest <= length) return { index, offset: rest }
      rest -= length + 1
    }
  }
}

/** Replaces lines in place; in pieces, because a call takes only so many arguments. */
function spliceLines(lines: Line[], index: number, removed: number, added: Line[]): void {
  const most = 10_000
  lines.splice(index, removed, ...added.slice(0, most))
  for (let done = most; done < added.length; done += most) {
    lines.splice(index + done, 0, ...added.slice(done, done + most))
  }
}

/** Marks what was inserted on the lines that it now covers; a mere deletion leaves an empty trace. */
function traceInsertion(added: Line[], offset: number, inserted: string, time: number): void {
  const pieces = inserted.split('\n')
  pieces.forEach((piece, i) => {
    const from = i === 0 ? offset : 0
    if (piece === '' && pieces.length > 1) return
    added[i]?.traces.push({ from, to: from + piece.length, time })
  })
}

/** Carries over the traces that stand before the change on its first line and behind it on its last. */
function keepTraces(added: Line[], head: Line, headEnd: number, tail: Line, tailStart: number): void {
  const first = added[0]
  const last = added[added.length - 1]
  if (first === undefined || last === undefined) return
  const before = head.traces
    .filter((trace) => trace.from < headEnd)
    .map((trace) => ({ ...trace, to: Math.min(trace.to, headEnd) }))
  const shift = last.text.length - tail.text.length
  const behind = tail.traces
    .filter((trace) => trace.to > tailStart)
    .map((trace) => ({ ...trace, from: Math.max(trace.from, tailStart) + shift, to: trace.to + shift }))
  first.traces = joinTraces([...before, ...first.traces])
  last.traces = joinTraces([...last.traces, ...behind])
}

/** Joins a trace with the one before it when they touch and are of nearly the same time, as typing makes them. */
function joinTraces(traces: Trace[]): Trace[] {
  const joined: Trace[] = []
  for (const trace of traces) {
    const before = joined[joined.length - 1]
    const near = before !== undefined && before.to === trace.from && Math.abs(trace.time - before.time) < 400
    if (near) {
      before.to = trace.to
      before.time = Math.max(before.time, trace.time)
    } else {
      joined.push({ ...trace })
    }
  }
  return joined
}
