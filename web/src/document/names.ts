/**
 * Names of documents: what is allowed, and how a name is written into the different addresses.
 *
 * A name is 1 to 255 bytes of UTF-8 without control characters. It may contain `/`, but no segment between two
 * slashes may be empty, `.` or `..`, because addresses with such segments do not survive browsers and proxies.
 */

/** The longest name the server accepts, in bytes of UTF-8. */
export const MAX_NAME_BYTES = 255

/**
 * Says what is wrong with a name, in words for the person who typed it; null when nothing is.
 */
export function nameProblem(name: string): string | null {
  if (name === '') return 'Give the document a name.'
  if (!name.isWellFormed()) return 'The name contains half of a character. Type it again.'
  if (/\p{Cc}/u.test(name)) return 'The name contains a line break or another control character. Remove it.'
  const bytes = new TextEncoder().encode(name).length
  if (bytes > MAX_NAME_BYTES) {
    return `The name is ${bytes} bytes long; ${MAX_NAME_BYTES} is the most. Shorten it.`
  }
  for (const segment of name.split('/')) {
    if (segment === '') return 'A slash needs something before and after it, as in “team/notes”.'
    if (segment === '.' || segment === '..') return `“${segment}” cannot stand alone between slashes.`
  }
  return null
}

/** The name as path segments, for pages, `sync/` and `view/`: slashes stay, all else is percent-encoded. */
export function asPath(name: string): string {
  return name.split('/').map(encodeURIComponent).join('/')
}

/** The name as one path segment, for the REST interface: a slash becomes `%2F`. */
export function asSegment(name: string): string {
  return encodeURIComponent(name)
}

/**
 * Reads the name back out of a page's path. `pathname` is as the browser reports it (escaped), `page` is the
 * escaped path that stands before the name, such as `/d/`. Null when there is no valid name.
 */
export function nameFromPath(pathname: string, page: string): string | null {
  if (!pathname.startsWith(page)) return null
  try {
    const name = decodeURIComponent(pathname.slice(page.length))
    return nameProblem(name) === null ? name : null
  } catch {
    return null
  }
}
