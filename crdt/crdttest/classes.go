package crdttest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Classes counts which kinds of input a test really had. The zero value is
// ready for use, by several goroutines at once.
type Classes struct {
	mu     sync.Mutex
	counts map[string]int
}

// Count counts what an update holds. Updates that wait for others cannot be
// told from the bytes; Note counts those.
func (c *Classes) Count(update []byte) {
	structs, deletes, err := ScanUpdate(update)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.init()
	if err != nil {
		c.counts["unreadable"]++
		return
	}
	for _, s := range structs {
		c.counts[s.Kind]++
		if s.Client > 1<<32 {
			c.counts["client beyond 32 bits"]++
		}
		if s.Kind == "String" && strings.Contains(s.Text, "\uFFFD") {
			c.counts["cut surrogate"]++
		}
	}
	c.counts["delete range"] += len(deletes)
}

// Note counts one more of a class that is not read from bytes.
func (c *Classes) Note(class string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.init()
	c.counts[class]++
}

func (c *Classes) init() {
	if c.counts == nil {
		c.counts = map[string]int{}
	}
}

// wanted are the classes that random histories have to have. Legacy JSON is
// not among them: no Yjs of today writes it, fixtures bring it.
var wanted = []string{
	"GC", "Skip", "Deleted", "Binary", "String", "Embed", "Format", "Type", "Any", "Doc",
	"undo", "redo", "deep event", "subdocuments", "authored in consequence",
	"delete range", "client beyond 32 bits", "cut surrogate", "waiting", "nothing new", "V2",
	"read at a snapshot", "removed between snapshots", "restored",
}

// Missing returns the classes that never occurred and should have.
func (c *Classes) Missing() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(wanted), func(class string) bool { return c.counts[class] > 0 })
}

// String lists the counts.
func (c *Classes) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var parts []string
	for class, n := range c.counts {
		parts = append(parts, fmt.Sprintf("%s %d", class, n))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}
