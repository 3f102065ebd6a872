// What every script here starts with: the job that the Go side wrote, Yjs from the web's packages, and the history.

import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** The job: { packages, trace, ... }, a JSON file named on the command line. */
export const job = JSON.parse(readFileSync(process.argv[2], 'utf8'))

const home = join(dirname(job.packages), 'node_modules', 'yjs')
const manifest = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'))

/**
 * Real Yjs, from the packages that the web app uses: its build as an ES module, as bundlers take it. Its CommonJS build
 * reaches every function of lib0 through a getter and is several times slower.
 */
export const Y = await import(pathToFileURL(join(home, manifest.module)).href)

/** Tells the Go side something: one JSON object on a line of its own. */
export const say = message => process.stdout.write(JSON.stringify(message) + '\n')

/** The history: { start, end, txns: [[[index, deleted, inserted], ...], ...] }, in UTF-16 code units. */
export const readTrace = () => JSON.parse(readFileSync(job.trace, 'utf8'))

/** The name of the one root text in all histories. */
export const ROOT = 'content'

/** A document with the client id of the job, whose text holds the start of the history. */
export const open = trace => {
  const doc = new Y.Doc()
  doc.clientID = job.client
  if (trace.start !== '') doc.getText(ROOT).insert(0, trace.start)
  return doc
}

/** One transaction of the history. */
export const edit = (doc, text, patches) => {
  doc.transact(() => {
    for (const [index, deleted, inserted] of patches) {
      if (deleted > 0) text.delete(index, deleted)
      if (inserted !== '') text.insert(index, inserted)
    }
  })
}

/** Fails unless the text is what the history says. */
export const check = (trace, text, what) => {
  if (text !== trace.end) throw new Error(`${what}: the text is not the end of the history`)
}
