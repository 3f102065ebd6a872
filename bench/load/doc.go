// Package load puts simulated editors and readers on a running server: raw WebSocket clients that speak y-websocket's
// dialect and send and receive real Yjs updates. It measures when each update has reached every reader, counted from
// the moment at which it was meant to be sent, so that a stall of the server, or of the writer behind it, shows in every
// update that it delayed (no coordinated omission).
//
// Readers do not run an engine while they are measured. They look only at which clocks and which deletions an update
// carries, which also works when a server merges updates on the way, and keep the bytes. Afterwards each reader's
// bytes are applied to a document of its own, and its text must be the history's.
package load
