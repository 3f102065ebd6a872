/** Figures in words: times, sizes, counts. */

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' })
const STEPS: readonly [unit: Intl.RelativeTimeFormatUnit, seconds: number][] = [
  ['year', 31_557_600],
  ['month', 2_629_800],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
]

/** How long ago something was, in words; both in milliseconds since 1970. What lies ahead counts as just now. */
export function ago(then: number, now: number): string {
  const seconds = (now - then) / 1000
  if (!Number.isFinite(seconds)) return ''
  for (const [unit, size] of STEPS) {
    if (seconds >= size) return relative.format(-Math.floor(seconds / size), unit)
  }
  return 'just now'
}

/** A number of bytes, in words. */
export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  if (bytes < 999_500) return `${Math.round(bytes / 1000)} kB`
  return `${(bytes / 1_000_000).toFixed(1)} MB`
}

/** How many words a text has, in words. Characters of scripts without spaces count one by one. */
export function words(text: string): string {
  const count =
    text.match(/[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}]|[\p{L}\p{N}][\p{L}\p{N}\p{M}’'_-]*/gu)
      ?.length ?? 0
  return count === 1 ? '1 word' : `${count.toLocaleString('en')} words`
}
