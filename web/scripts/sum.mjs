// The content of dist.sum: one hash over everything dist is built from and one over dist itself, so that a Go test can
// tell without Node whether dist has been forgotten. The Go test computes the same: SHA-256 over the lines
// "<hex SHA-256 of the file>  <path with slashes>\n", sorted by path.

import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'

/** What dist is built from: files and folders under web. */
const SOURCES = [
  'src',
  'public',
  'index.html',
  'editor.html',
  'reader.html',
  'vite.config.ts',
  'package-lock.json',
]

/** Returns the content of dist.sum for the folder `root`. */
export async function sumOf(root) {
  return `sources ${await hashOf(root, SOURCES)}\ndist ${await hashOf(root, ['dist'])}\n`
}

async function hashOf(root, names) {
  const hash = createHash('sha256')
  for (const path of (await Promise.all(names.map((name) => filesOf(root, name)))).flat().sort()) {
    const content = createHash('sha256').update(await readFile(join(root, path)))
    hash.update(`${content.digest('hex')}  ${path}\n`)
  }
  return hash.digest('hex')
}

async function filesOf(root, name) {
  const path = join(root, name)
  const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch(() => null)
  if (entries === null) return [name]
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
}
