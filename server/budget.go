package server

import "sync/atomic"

// budget is a number of bytes that many may hold together.
type budget struct {
	limit int64
	held  atomic.Int64
}

// take takes n bytes, or none and reports false.
func (b *budget) take(n int64) bool {
	if b.held.Add(n) > b.limit {
		b.held.Add(-n)
		return false
	}
	return true
}

// give gives n bytes back.
func (b *budget) give(n int64) { b.held.Add(-n) }
