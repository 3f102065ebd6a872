// Package weft is the root of the weft module: a collaborative-editing sync server that any Yjs editor can talk to.
// It holds no code. Embed the server with package server, use the engine alone with package crdt, and run the binary
// from cmd/weft. The tests in this directory keep the house in order: who may import whom, how long a file may be, and
// what must not stand in it.
package weft
