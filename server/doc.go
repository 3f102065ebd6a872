// Package server is weft's network server: documents in rooms, editors over WebSocket, readers over server-sent events,
// and a small REST interface. It is an http.Handler that a program of your own can mount, or a listener of its own.
//
//	srv, err := server.New(server.Options{
//		Storage:    storage.Options{Dir: "data"},
//		Authorizer: myAuthorizer,
//	})
//	http.Handle("/notes/", http.StripPrefix("/notes", srv.Handler()))
//
// # The order of work
//
// One update goes this way, and every part has its file:
//
//	authorise → size, quota and space → decode and check → apply → append (sequence assigned) → fsync (grouped)
//	          → durable sequence advances → echo · broadcast · viewers
//
// Whatever can refuse stands before apply, for apply cannot be undone. A document has two numbers: the last sequence
// assigned and the last one durable. Between them stands the gate: everything that shows the document's state, or says
// that something arrived, is made when it is asked for and leaves when the sequence that was assigned then is durable.
// Awareness, refusals and keep-alive do not wait.
//
// # Who runs what
//
// A connection is one WebSocket; on it is a session for each document, one in the y-websocket dialect and up to a hundred
// in the Hocuspocus dialect. A connection has one goroutine that reads and carries out what it reads, under the locks of
// the session and the room; the Authorizer is asked beside it, and what comes meanwhile is held. All that goes out is the
// work of two crews, of as many goroutines as run at once, while there is something to do. After an fsync one opens the gates
// of the rooms that waited for it, merges the updates that leave each into one, and puts frames into outboxes. The other
// empties outboxes into sockets, everything that waits for a connection in one call of the system. Neither waits: a socket
// that is full, a room whose lock is taken, a log that has to be read get a goroutine of their own, which may. Where the
// CPU is short the log writes at a distance, so that more comes together (strain). Locks are taken in this order and held for no
// I/O but storage's own: session, rooms or connection, room, outbox or feed.
//
// # Bounds
//
// Every queue has a bound, and what happens at it is decided, not found out: see Limits, and OPERATIONS.md beside this
// file, which has every flag, limit, close code and guarantee.
package server
