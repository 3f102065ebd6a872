package crdt_test

import (
	"encoding/hex"
	"testing"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/crdt/crdttest"
)

// Two structs of one client that follow one another and stand side by side were
// not one run if the second names another origin. No editor makes such; undo may.
func TestRunsMergeByTheirOrigins(t *testing.T) {
	// x is of client 1; the structs of client 5 come to stand behind it, the last
	// one by the conflict scan.
	origin := func(client, clock uint64) raw { return raw{left | str}.uint(client, clock) }
	root := raw{str, 1}.str("t")
	tests := map[string]struct {
		first, second raw // updates
		want          int // structs
	}{
		"another client": {
			raw{1, 1, 1, 0}.bytes(root...).str("x").uint(0),
			raw{1, 2, 5, 0}.bytes(origin(1, 0)...).str("l").bytes(root...).str("r").uint(0), 3,
		},
		"another clock": {
			raw{2, 1, 5, 0}.bytes(root...).str("p").uint(1, 1, 0).bytes(origin(5, 0)...).str("x").uint(0),
			raw{1, 2, 5, 1}.bytes(origin(1, 0)...).str("l").bytes(origin(5, 0)...).str("r").uint(0), 4,
		},
		"one run": {
			raw{1, 1, 1, 0}.bytes(root...).str("x").uint(0),
			raw{1, 2, 5, 0}.bytes(origin(1, 0)...).str("l").bytes(origin(5, 0)...).str("r").uint(0), 2,
		},
	}
	o := oracle(t)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := crdt.New(crdt.Options{})
			q := crdttest.Load{Collect: true, Roots: []string{}}
			for _, u := range []raw{tt.first, tt.second} {
				if _, err := d.ApplyUpdate(u); err != nil {
					t.Fatal(err)
				}
				q.Updates = append(q.Updates, hex.EncodeToString(u))
			}
			if got := d.Stats().Structs; got != tt.want {
				t.Errorf("%d structs, want %d", got, tt.want)
			}
			answers, err := o.Load(q)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := hex.EncodeToString(encoded(t, d)), answers[0].Update; got != want {
				t.Errorf("got\n%sYjs\n%s", crdttest.Describe(fromHex(t, got)), crdttest.Describe(fromHex(t, want)))
			}
		})
	}
}
