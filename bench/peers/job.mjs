// What every row needs: the job that the Go side wrote, its files, and how time and memory are taken.

import { readFileSync } from 'node:fs'

/** The job: { engine, folder, row, ... }, a JSON file named on the command line. */
export const job = JSON.parse(readFileSync(process.argv[2], 'utf8'))

/** Tells the Go side something: one JSON object on a line of its own. */
export const say = message => process.stdout.write(JSON.stringify(message) + '\n')

// What engines print is not for the Go side.
console.log = console.info = console.warn = console.error

/** An engine cannot do a row in its own way: no error, the report shows a dash. */
export class Cannot extends Error {}

/** Fails with Cannot unless the engine has all that is named. */
export const need = (has, ...names) => {
  for (const name of names) if (typeof has[name] !== 'function') throw new Cannot(`it has no ${name}`)
}

/** Fails unless two texts are equal. */
export const same = (got, want, what) => {
  if (got !== want) throw new Error(`${what}: the text is not what it has to be`)
}

/**
 * Does the work once and returns what it took, the time on the clock and the CPU time of all threads in seconds, and
 * its result; the Go side is told, so that it can end what takes too long. No collection is forced before: Node throws compiled code away when it is collected often.
 */
export const seconds = work => {
  say({ timing: 1 })
  const used = process.cpuUsage()
  const start = process.hrtime.bigint()
  const result = work()
  const value = Number(process.hrtime.bigint() - start) / 1e9
  const { user, system } = process.cpuUsage(used)
  say({ timed: 1 })
  return [{ value, cpu: (user + system) / 1e6 }, result]
}

/** What one of n operations took. */
export const each = (took, n) => ({ value: took.value / n, cpu: took.cpu / n })

/** Updates in the format of Go's package updates, each a view into the one buffer, as they would come from a socket. */
export const readUpdates = path => {
  const file = readFileSync(path)
  let at = 'weft updates 1\n'.length
  const count = file.readUInt32LE(at)
  at += 4
  return Array.from({ length: count }, () => {
    const n = file.readUInt32LE(at)
    at += 4 + n
    return file.subarray(at - n, at)
  })
}

/** The same numbers as Go's engine.Random gives: each from 0 up to, not including, below. */
export const random = seed => below => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
  return Math.floor(seed * below / 4294967296)
}

// The memory of WebAssembly is not on V8's heap, so every one that an engine makes is remembered.
const memories = []
const Instance = WebAssembly.Instance
WebAssembly.Instance = class extends Instance {
  constructor(...from) {
    super(...from)
    if (this.exports.memory) memories.push(this.exports.memory)
  }
}

const heap = () => {
  global.gc()
  global.gc()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return memories.reduce((sum, memory) => sum + memory.buffer.byteLength, heapUsed + arrayBuffers)
}

/**
 * The bytes by which the heap and the memory of WebAssembly grow with each of some documents that are kept. The first is
 * not counted: WebAssembly's memory only grows, in large steps, so what making one needs for a while has to be there.
 */
export const grown = make => {
  const copies = 4
  const kept = [make()]
  const before = heap()
  for (let i = 0; i < copies; i++) kept.push(make())
  const value = (heap() - before) / copies
  if (kept.length !== copies + 1) throw new Error('documents were lost')
  return { value, cpu: 0 }
}
