// Package target starts the server that is measured and watches its process: memory and CPU from /proc, and how long
// the disk under its data takes for an fsync.
package target
