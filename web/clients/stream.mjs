// A reader of the text of a document, which does with the answers what a browser's EventSource does.

export class Stream {
  constructor (server, path) {
    this.server = server
    this.path = path
    this.text = ''
    this.names = [] // of the events
    this.requests = 0
    this.inVain = 0 // requests that brought no event
    this.gaveUp = null // the answer after which an EventSource never comes back
    this.wait = 1000
    this.connect()
  }

  async connect () {
    const before = this.names.length
    this.requests++
    try {
      const last = this.id === undefined ? {} : { 'last-event-id': this.id }
      const answer = await this.server.open(this.path, { accept: 'text/event-stream', origin: this.server.http, ...last })
      this.answer = answer
      if (answer.statusCode !== 200 || !/^text\/event-stream/.test(answer.headers['content-type'])) {
        this.gaveUp = { status: answer.statusCode, type: answer.headers['content-type'] }
        return
      }
      answer.setEncoding('utf8')
      let rest = ''
      for await (const chunk of answer) {
        const events = (rest + chunk).split('\n\n')
        rest = events.pop()
        for (const event of events) this.take(event)
      }
    } catch {
      // A stream that breaks is asked for again, like one that ends.
    }
    if (this.names.length === before) this.inVain++
    if (!this.closed) this.timer = setTimeout(() => this.connect(), this.wait)
  }

  take (event) {
    const fields = Object.fromEntries(event.split('\n').map((line) => /^(\w*): ?(.*)$/.exec(line)?.slice(1) ?? [line, '']))
    if (fields.retry) this.wait = Number(fields.retry)
    if (fields.id) this.id = fields.id
    if (!fields.event) return
    this.names.push(fields.event)
    const data = JSON.parse(fields.data)
    if (fields.event !== 'splice') this.text = data.text
    else for (const [at, deleted, inserted] of data) this.text = this.text.slice(0, at) + inserted + this.text.slice(at + deleted)
  }

  close () {
    this.closed = true
    clearTimeout(this.timer)
    this.answer?.destroy()
  }
}
