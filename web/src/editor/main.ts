/** The editor's page: wires the document, its connection and the parts of the page together. */

import { here, ROOT } from '../document/addresses'
import { part } from '../look/element'
import { EditorPage } from './page'

const at = here()
const name = at.nameOn('d', location.pathname)

if (name === null) {
  part('title', HTMLHeadingElement).textContent = 'No document'
  part('save', HTMLSpanElement).textContent = ''
  part('banner-title', HTMLElement).textContent = 'This address names no document'
  part('banner-detail', HTMLElement).textContent =
    'Go back to the list of documents and choose or create one.'
  part('banner', HTMLDivElement).hidden = false
  for (const id of ['read', 'me']) part(id, HTMLElement).hidden = true
} else {
  new EditorPage(at, name, ROOT).open()
}
