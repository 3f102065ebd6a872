// Package load puts simulated editors and readers on a running server and measures what reaches them, and when.
//
// An editor is a WebSocket connection that speaks a provider's dialect: that of y-websocket or that of Hocuspocus. What
// it sends are real Yjs updates: each author follows a [Script], edits that the engine has made of a seed, and a
// connection sends them with the author's own client id in them. A viewer is a request for an event stream.
//
// All connections are served by one goroutine that waits for many sockets at once, reads into one buffer and allocates
// nothing for a message: the generator shares its machine with the server, and what it costs is taken from what is
// measured. It needs Linux.
//
// Time is measured without coordinated omission: an edit's time begins when it was meant to be sent, whatever the server
// or the generator were doing then.
//
// Nothing is taken on trust. A receiver runs no engine: it compares every struct and every deletion that arrives with
// what the author's script says, and keeps account of which it has. The content of a Yjs document is a function of the
// structs and deletions that are in it, so two receivers that have the same ones, unaltered, have the same document. At
// the end [Session.Check] also takes the server's own copy of each document, and compares it with a replica into which
// the engine merged everything that was sent.
package load
