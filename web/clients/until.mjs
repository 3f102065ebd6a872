// Waiting for a condition across processes: polled, with a deadline, and with words for what was waited for.

/** Resolves with what check returns as soon as that is true or an object; rejects when it never becomes so. */
export const until = async (what, check, deadline = 15000) => {
  const end = Date.now() + deadline
  let last
  for (;;) {
    try {
      last = undefined
      const got = await check()
      if (got) return got
    } catch (e) {
      last = e
    }
    if (Date.now() > end) throw new Error(`waited ${deadline} ms for: ${what}`, { cause: last })
    await new Promise((next) => setTimeout(next, 20))
  }
}
