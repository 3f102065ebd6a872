/** A change to a text as the feed sends it: `[position, deleted, inserted]`, counted in UTF-16 code units. */
export type Splice = readonly [position: number, deleted: number, inserted: string]

/** Thrown when a splice does not fit the text it should be applied to: the copy has lost step with the server. */
export class SpliceError extends Error {
  constructor(splice: Splice, length: number) {
    super(`splice at ${splice[0]} deleting ${splice[1]} does not fit a text of ${length} UTF-16 units`)
    this.name = 'SpliceError'
  }
}

/**
 * Applies one splice. Positions may fall between the halves of a surrogate pair; that is what the server counts, and
 * JavaScript strings count the same way.
 */
export function applySplice(text: string, splice: Splice): string {
  const [position, deleted, inserted] = splice
  checkSplice(text.length, splice)
  return text.slice(0, position) + inserted + text.slice(position + deleted)
}

/** Throws a SpliceError unless the splice lies within a text of `length` UTF-16 units. */
export function checkSplice(length: number, splice: Splice): void {
  const [position, deleted] = splice
  const inside =
    Number.isInteger(position) &&
    Number.isInteger(deleted) &&
    position >= 0 &&
    deleted >= 0 &&
    position + deleted <= length
  if (!inside) throw new SpliceError(splice, length)
}

/** Whether a value from the wire is a splice by its shape. */
export function isSplice(value: unknown): value is Splice {
  return (
    Array.isArray(value) &&
    value.length === 3 &&
    typeof value[0] === 'number' &&
    typeof value[1] === 'number' &&
    typeof value[2] === 'string'
  )
}
