package server

import (
	"time"

	"github.com/weftsync/weft/crdt"
	ysync "github.com/weftsync/weft/sync"
)

// sizeEstimate keeps an upper bound of a document's encoded size without encoding it for every update: what it was when
// it was last measured, or the whole of its log, and every byte that came since. Only when the bound passes the limit is it measured again, and
// not more often than measuring is worth.
type sizeEstimate struct {
	bytes    int64
	measured time.Time
}

// measureEvery is the least time between two measurements of one document.
const measureEvery = time.Second

// grow adds an update that was applied.
func (e *sizeEstimate) grow(n int) { e.bytes += int64(n) }

// admit refuses an update that would make the document larger than limit. An update that only deletes passes: it is how
// a document gets smaller.
func (e *sizeEstimate) admit(doc *crdt.Doc, update []byte, limit int64) *ysync.Refusal {
	if e.bytes+int64(len(update)) <= limit || onlyDeletes(update) {
		return nil
	}
	if now := time.Now(); now.Sub(e.measured) >= measureEvery {
		state, err := doc.EncodeStateAsUpdate(nil)
		if err != nil {
			return ysync.Refuse(ysync.CodeUnavailable, "the document cannot be encoded")
		}
		e.bytes, e.measured = int64(len(state)), now
	}
	if e.bytes+int64(len(update)) > limit {
		return ysync.Refuse(ysync.CodeTooLarge, "the document would be larger than %d bytes", limit)
	}
	return nil
}

// onlyDeletes reports whether an update in format V1 brings no structs: its number of clients, which comes first, is 0.
func onlyDeletes(update []byte) bool { return len(update) > 0 && update[0] == 0 }
