/** Makes the weft binary for all tests, unless WEFT_BIN names one (relative to web). */

import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { TestProject } from 'vitest/node'

const web = join(import.meta.dirname, '..')

declare module 'vitest' {
  interface ProvidedContext {
    weft: string
  }
}

export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const given = process.env.WEFT_BIN
  if (given) {
    project.provide('weft', resolve(web, given))
    return undefined
  }
  const folder = await mkdtemp(join(tmpdir(), 'weft-e2e-bin-'))
  const binary = join(folder, 'weft')
  await promisify(execFile)('go', ['build', '-o', binary, './cmd/weft'], { cwd: join(web, '..') })
  project.provide('weft', binary)
  return () => rm(folder, { recursive: true, force: true })
}
