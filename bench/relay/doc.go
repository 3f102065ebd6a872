// Package relay is the floor under all sync servers: it gives every frame to everybody in the room, its sender too, and
// understands nothing of it but the first two bytes, which tell a provider's question for the document. It answers that
// with all frames that it was given so far, from memory. It checks nothing, stores nothing and merges nothing, so a real
// server can be expected to cost more; how much more is what one wants to know.
package relay
