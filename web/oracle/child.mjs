// The oracle's child process: frames of JSON in on stdin, frames of JSON out on stdout, each behind its length in bytes
// (4 bytes, little endian), answers in the order of the questions. It lives as long as stdin stays open.
//
//   {do: "scripts", scripts: [...]}  -> {replies: [...]}   see machine.mjs
//   {do: "load", loads: [...]}       -> {replies: [...]}   see load.mjs
//   {do: "hello"}                    -> {yjs, node}
import { createRequire } from 'node:module'
import { loadUpdates } from './load.mjs'
import { runScript } from './machine.mjs'

// Yjs reports on the console what it thinks of an update; stdout belongs to the frames.
for (const method of ['log', 'info', 'warn', 'error', 'debug', 'group', 'groupEnd']) console[method] = () => {}

const answer = (question) => {
  switch (question.do) {
    case 'hello':
      return { yjs: createRequire(import.meta.url)('yjs/package.json').version, node: process.version }
    case 'scripts':
      return { replies: question.scripts.map(runScript) }
    case 'load':
      return { replies: question.loads.map(loadUpdates) }
    default:
      return { err: `unknown question ${question.do}` }
  }
}

const send = (reply) => {
  const body = Buffer.from(JSON.stringify(reply))
  const head = Buffer.alloc(4)
  head.writeUInt32LE(body.length)
  process.stdout.write(Buffer.concat([head, body]))
}

let waiting = []
let have = 0

const readFrames = () => {
  let buffer = waiting.length === 1 ? waiting[0] : Buffer.concat(waiting)
  while (buffer.length >= 4) {
    const size = buffer.readUInt32LE(0)
    if (buffer.length < 4 + size) break
    send(answer(JSON.parse(buffer.subarray(4, 4 + size).toString())))
    buffer = buffer.subarray(4 + size)
  }
  waiting = [buffer]
  have = buffer.length
}

process.stdin.on('data', (chunk) => {
  waiting.push(chunk)
  have += chunk.length
  const first = waiting[0].length >= 4 ? waiting[0] : Buffer.concat(waiting)
  if (first.length >= 4 && have >= 4 + first.readUInt32LE(0)) readFrames()
})
process.stdin.on('end', () => process.exit(0))
