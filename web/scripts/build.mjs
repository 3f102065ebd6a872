// Builds the pages into dist and writes dist.sum, the hashes of what dist was built from and of what it is.
// With --check it builds beside, and fails when dist or dist.sum is not exactly what the sources give.

import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative, sep } from 'node:path'
import { build } from 'vite'
import { sumOf } from './sum.mjs'

const root = join(import.meta.dirname, '..')
const dist = join(root, 'dist')
const sumFile = join(root, 'dist.sum')

async function buildInto(outDir) {
  await build({ root, logLevel: 'warn', build: { outDir, emptyOutDir: true } })
}

async function filesUnder(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort()
}

async function differences(built) {
  const [want, got] = [await filesUnder(built), await filesUnder(dist).catch(() => [])]
  const found = []
  for (const file of new Set([...want, ...got])) {
    if (!got.includes(file)) found.push(`dist/${file} is missing`)
    else if (!want.includes(file)) found.push(`dist/${file} comes from no source`)
    else if (!(await readFile(join(built, file))).equals(await readFile(join(dist, file)))) {
      found.push(`dist/${file} differs from what its sources give`)
    }
  }
  return found
}

async function check() {
  const built = await mkdtemp(join(tmpdir(), 'weft-dist-'))
  try {
    await buildInto(built)
    const found = await differences(built)
    if ((await readFile(sumFile, 'utf8').catch(() => '')) !== (await sumOf(root)))
      found.push('dist.sum is out of date')
    if (found.length > 0) {
      console.error(`${found.join('\n')}\nRun "npm run build" and commit dist and dist.sum.`)
      process.exitCode = 1
    } else {
      console.log(`dist equals its sources (${(await filesUnder(dist)).length} files)`)
    }
  } finally {
    await rm(built, { recursive: true, force: true })
  }
}

if (process.argv.includes('--check')) {
  await check()
} else {
  await buildInto(dist)
  await writeFile(sumFile, await sumOf(root))
  for (const file of await filesUnder(dist)) {
    console.log(`${String((await readFile(join(dist, file))).length).padStart(8)}  dist/${file}`)
  }
}
