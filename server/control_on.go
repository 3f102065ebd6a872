//go:build weftackatapply

package server

import (
	"sync"
	"time"

	"github.com/weftsync/weft/storage"
)

// buildHooks, under the tag weftackatapply, builds a server that does what weft must not do: it acknowledges an update
// when it is applied, and writes it to the log a moment later, as servers do that save on a timer. The crash test runs
// against this build too, and has to find losses: else it could not see any.
func buildHooks() hooks {
	return hooks{gateOff: true, wrapAppend: func(put appendFunc) appendFunc {
		var mu sync.Mutex
		var waiting []storage.Entry
		var seq uint64
		return func(e storage.Entry) (uint64, error) {
			mu.Lock()
			defer mu.Unlock()
			e.Update = append([]byte(nil), e.Update...)
			if waiting = append(waiting, e); len(waiting) == 1 {
				time.AfterFunc(saveAfter, func() {
					mu.Lock()
					defer mu.Unlock()
					for _, e := range waiting {
						if _, err := put(e); err != nil {
							panic(err)
						}
					}
					waiting = nil
				})
			}
			seq++
			return seq, nil
		}
	}}
}

// saveAfter is how long the control keeps an acknowledged update in memory alone.
const saveAfter = 30 * time.Millisecond
