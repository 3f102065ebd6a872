package crdt_test

import (
	"strings"
	"testing"

	"github.com/weftsync/weft/crdt"
)

// How deep a type lies follows from whatever says where it is put: its parent,
// its origin, its right origin, in the document or in the same update.
func TestNestingFollowsOrigins(t *testing.T) {
	const limit = 3
	// Client 1: a type in the root, one in that, and in this one an element.
	base := raw{1, 3, 1, 0, typ, 1}.str("a").bytes(0, typ, 0, 1, 0, 0, anys, 0, 1, 1, 1, 0x7e, 0)
	inside := func(clock byte) raw { return raw{typ, 0, 2, clock, 0} } // a type in an operation of client 2
	for name, tt := range map[string]struct {
		first raw // a type of client 2 beside the element, two types deep
		apart bool
	}{
		"right origin":                {raw{right | typ, 1, 2, 0}, true},
		"origin":                      {raw{left | typ, 1, 2, 0}, true},
		"parent":                      {raw{typ, 0, 1, 1, 0}, true},
		"right origin, in one update": {raw{right | typ, 1, 2, 0}, false},
		"origin, in one update":       {raw{left | typ, 1, 2, 0}, false},
		"parent, in one update":       {raw{typ, 0, 1, 1, 0}, false},
	} {
		t.Run(name, func(t *testing.T) {
			structs := raw(nil)
			for n := byte(1); n <= 2; n++ {
				if structs = append(structs, tt.first...); n == 2 {
					structs = append(structs, inside(0)...)
				}
				d := crdt.New(crdt.Options{ClientID: 9, Limits: crdt.Limits{Nesting: limit}})
				u := raw{1, n, 2, 0}.bytes(structs...).uint(0)
				if tt.apart {
					if _, err := d.ApplyUpdate(base); err != nil {
						t.Fatal(err)
					}
				} else {
					u = raw{2, n, 2, 0}.bytes(structs...).bytes(base[1:]...)
				}
				_, err := d.ApplyUpdate(u)
				switch {
				case n == 1 && err != nil:
					t.Errorf("a type at the limit is refused: %v", err)
				case n == 2 && (err == nil || !strings.Contains(err.Error(), "nest deeper")):
					t.Errorf("one beyond it: %v", err)
				}
				structs = nil
			}
		})
	}
}
