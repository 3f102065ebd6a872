/**
 * Where things are. Every address is relative to the page's `<base href>`, so that weft can be mounted under a
 * prefix of somebody else's server.
 */

import { asPath, asSegment, nameFromPath } from './names'

/** The root text that the pages of weft edit and show. */
export const ROOT = 'content'

/** The addresses under one base, e.g. `http://host/` or `https://host/notes/`. */
export class Addresses {
  readonly #base: URL

  constructor(base: string | URL) {
    this.#base = new URL('.', base)
  }

  home(): string {
    return this.#base.pathname
  }

  editor(name: string): string {
    return `${this.#base.pathname}d/${asPath(name)}`
  }

  reader(name: string): string {
    return `${this.#base.pathname}r/${asPath(name)}`
  }

  /** The name of the document that an editor or reader page is about; null when the path holds no valid name. */
  nameOn(page: 'd' | 'r', pathname: string): string | null {
    return nameFromPath(pathname, `${this.#base.pathname}${page}/`)
  }

  /** The server address that y-websocket puts `/` and a room behind. */
  sync(): string {
    const url = new URL('sync', this.#base)
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
    return url.href
  }

  /** The room that y-websocket appends, already encoded, because the provider does not encode it. */
  room(name: string): string {
    return asPath(name)
  }

  /** The live feed of the document's text. */
  view(name: string): string {
    return new URL(`view/${asPath(name)}?as=text&root=${encodeURIComponent(ROOT)}`, this.#base).href
  }

  documents(): string {
    return new URL('api/documents', this.#base).href
  }

  document(name: string): string {
    return new URL(`api/documents/${asSegment(name)}`, this.#base).href
  }
}

/** The addresses of the page that runs this. */
export function here(): Addresses {
  return new Addresses(document.baseURI)
}
