package crdt_test

import (
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/crdt/crdttest"
	"github.com/weftsync/weft/crdt/lib0"
)

// difference is a case in which the engine departs from Yjs on purpose. The
// list is complete: whatever else differs is a fault. The table in INTERNALS.md
// has a row for each.
type difference struct {
	name   string
	base   []raw // what the document holds before
	update raw
	v2     bool        // the update is in V2
	merge  bool        // base and update are merged before they are applied
	limits crdt.Limits // low ones, so that the input can be small
	ours   string      // why it is refused, or "taken: " and what becomes of it
	yjs    string      // what Yjs makes of it
	why    string      // why nobody who is honest sends it
}

func item(kind byte, client, clock uint64) raw {
	return raw(nil).uint(1, 1, client, clock).bytes(kind)
}

var one = item(str, 7, 0).uint(1).str("t").str("hello").uint(0)

var differences = []difference{
	{name: "bytes after the end of an update", update: append(one, 0), ours: "trailing bytes after the update",
		yjs: "takes it", why: "an encoder ends where the delete set does"},
	{name: "an integer longer than needed", update: item(gc, 7, 0).bytes(0x81, 0, 0), ours: "integer is encoded longer than needed",
		yjs: "takes it", why: "lib0 writes the shortest form"},
	{name: "a clock beyond 2^32-1", update: item(gc, 7, 1<<32).uint(1, 0), ours: "clock or length exceeds 2^32-1",
		yjs: "takes it", why: "four billion operations of one client are years of typing"},
	{name: "a struct that ends beyond 2^32-1", update: item(gc, 7, 9).uint(1<<32-5, 0), ours: "clock exceeds 2^32-1",
		yjs: "takes it", why: "the same"},
	{name: "a delete beyond 2^32-1", update: raw(nil).uint(0, 1, 7, 1, 1<<32-2, 5), ours: "delete beyond clock 2^32-1",
		yjs: "takes it", why: "the same"},
	{name: "a struct of length 0", update: item(gc, 7, 0).uint(0, 0), ours: "struct of length 0",
		yjs: "takes it", why: "a struct stands for operations"},
	{name: "a gap of length 0", update: item(skip, 7, 0).uint(0, 0), ours: "struct of length 0",
		yjs: "takes it, and nothing changes", why: "a gap stands for operations too"},
	{name: "a delete of length 0", base: []raw{one}, update: raw(nil).uint(0, 1, 7, 1, 2, 0), ours: "delete of length 0",
		yjs: "takes it, and nothing changes", why: "a range stands for operations"},
	{name: "a client twice in an update", update: raw(nil).uint(2, 1, 7, 0).bytes(gc).uint(1).uint(1, 7, 1).bytes(gc).uint(1, 0), ours: "a client occurs twice",
		yjs: "takes it", why: "the structs of a client are written together; Yjs forgets the first block"},
	{name: "an item that follows itself or a later one of its client", update: item(left|str, 7, 0).uint(7, 0).str("x").uint(0), ours: "origin does not lie before the item",
		yjs: "throws TypeError", why: "an origin was there first"},
	{name: "an item inside itself or a later one of its client", update: item(str, 7, 0).uint(0, 7, 0).str("x").uint(0), ours: "parent does not lie before the item",
		yjs: "throws TypeError", why: "a parent was there first"},
	{name: "a value nested deeper than 100", update: append(append(item(anys, 7, 0).uint(1).str("a").uint(1), strings.Repeat("\x75\x01", 101)...), 126, 0), ours: "nested too deep",
		yjs: "takes it", why: "no editor nests values so deep; shared types nest otherwise"},
	{name: "options of a subdocument that are no object", update: item(9, 7, 0).uint(1).str("a").str("guid").bytes(lib0.TagInteger, 5, 0), ours: "options of a subdocument are not an object",
		yjs: "takes it", why: "Yjs writes an object"},
	{name: "undefined as an embed or a format of V2", v2: true, update: columns("", "\x07", "", "", "\x05", "\x01t\x01", "\x01", "", "", raw(nil).uint(1, 1, 0).bytes(127).uint(0)), ours: "a value that JSON does not have",
		yjs: "throws TypeError, and part of it is done", why: "Yjs cannot insert it; once there, the document cannot be written in V1"},
	{name: "an update whose end is missing", update: item(str, 7, 0).uint(1).str("t").str("hello").uint(1, 7, 1), ours: "number of deletes exceeds the bytes left",
		yjs: "throws Error, and part of it is done", why: "it was cut off on its way; the sender has it whole"},
	{name: "a name longer than 4,096 bytes", update: item(str, 7, 0).uint(1).str("long name").str("x").uint(0), limits: crdt.Limits{NameBytes: 8}, ours: "name of more than 8 bytes",
		yjs: "takes it", why: "names are words or ids"},
	{name: "keys of V2 named again too often", v2: true, update: columns("\x01\x00", "\x07", "", "", "\x07", "\x2ax"+strings.Repeat("n", 40)+"x\x01\x28\x01", "\x01", "\x43\x00", "", raw(nil).uint(1, 2, 0, 0)), limits: crdt.Limits{Structs: 2}, ours: "keys are repeated too often",
		yjs: "takes it", why: "Yjs names none again; a few bytes could stand for gigabytes of names"},
	{name: "more than 1,000,000 structs in an update", v2: true, update: columns("", "\x01", "", "", "\x00", "", "", "", "\x41\x07", raw(nil).uint(1, 9, 0, 0)), limits: crdt.Limits{Structs: 8}, ours: "more than 8 structs in one update",
		yjs: "takes it", why: "runs are kept as one struct; in V2 a few bytes can claim any number"},
	{name: "more than 1,000,000 clients", base: []raw{one}, update: item(str, 8, 0).uint(1).str("t").str("x").uint(0), limits: crdt.Limits{Clients: 1}, ours: "more than 1 clients",
		yjs: "takes it", why: "a client is a session that wrote"},
	{name: "types nested deeper than 200", update: nest(9, 0), limits: crdt.Limits{Nesting: 8}, ours: "nest deeper than 8",
		yjs: "takes it", why: "no editor nests so deep"},
	{name: "types that waited and nest deeper than 200", base: []raw{nest(9, 1)}, update: nest(1, 0), limits: crdt.Limits{Nesting: 8}, ours: "taken: the ninth is collected",
		yjs: "takes it", why: "the same; to refuse what they waited for would shut out another"},
	{name: "more than 100,000 structs that wait", update: raw(nil).uint(1, 2, 7, 1).bytes(gc).uint(1).bytes(gc).uint(1, 0), limits: crdt.Limits{PendingStructs: 1}, ours: "more than 1 structs would wait",
		yjs: "takes it", why: "what is missing comes soon, or is asked for"},
	{name: "more than 4 MiB of content that waits", update: item(left|str, 7, 1).uint(7, 0).str("hello").uint(0), limits: crdt.Limits{PendingBytes: 4}, ours: "more than 4 bytes would wait",
		yjs: "takes it", why: "the same"},
	{name: "more than 100,000 deletes that wait", update: raw(nil).uint(0, 1, 7, 2, 1, 1, 5, 1), limits: crdt.Limits{PendingDeletes: 1}, ours: "more than 1 deletes would wait",
		yjs: "takes it", why: "the same"},
	{name: "deletes that wait and do not come in order", update: raw(nil).uint(0, 1, 7, 2, 5, 1, 1, 1), ours: "taken: both wait",
		yjs: "takes it, and garbles it", why: "delete sets are written in order; Yjs keeps what waits in V2, which cannot go back"},
	{name: "merging an update whose clients do not descend", base: []raw{item(gc, 7, 0).uint(1, 0)}, merge: true,
		update: raw(nil).uint(2, 1, 3, 0).bytes(gc).uint(1).uint(1, 7, 1).bytes(gc).uint(1, 0), ours: "taken: in order",
		yjs: "loses a part of it", why: "Yjs writes clients in descending order"},
}

// row returns a difference as a row of the table in INTERNALS.md.
func (d *difference) row() string {
	return fmt.Sprintf("| %s | %s | %s |", d.name, d.yjs, d.why)
}

func (d *difference) updates() [][]byte {
	var out [][]byte
	for _, u := range append(d.base[:len(d.base):len(d.base)], d.update) {
		out = append(out, u)
	}
	return out
}

// TestDifferences checks what the engine makes of each case.
func TestDifferences(t *testing.T) {
	for _, c := range differences {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			d := crdt.New(crdt.Options{ClientID: 4503599627370497, Limits: c.limits})
			updates := c.updates()
			if c.merge {
				merged, err := crdt.MergeUpdates(updates...)
				if err != nil {
					t.Fatal(err)
				}
				updates = [][]byte{merged}
			}
			last := len(updates) - 1
			for _, u := range updates[:last] {
				apply(t, d, u)
			}
			var err error
			if c.v2 {
				_, err = d.ApplyUpdateV2(updates[last])
			} else {
				_, err = d.ApplyUpdate(updates[last])
			}
			why := refusal(t, err)
			taken := strings.HasPrefix(c.ours, "taken")
			if taken != (why == nil) || why != nil && !strings.Contains(why.Reason, c.ours) {
				t.Errorf("refused with %v, want %q", why, c.ours)
			}
			if broken := d.Check(); broken != nil {
				t.Error(broken)
			}
		})
	}
}

// TestDifferencesOfYjs checks that Yjs still does what the list says.
func TestDifferencesOfYjs(t *testing.T) {
	o := oracle(t)
	for _, c := range differences {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			before := crdttest.Load{Collect: true, Roots: []string{}}
			for _, u := range c.base {
				before.Updates = append(before.Updates, hex.EncodeToString(u))
			}
			after := before
			after.Updates = append(before.Updates[:len(before.Updates):len(before.Updates)], hex.EncodeToString(c.update))
			after.V2 = c.v2
			merged := after
			merged.Merge = true
			if !c.merge {
				merged = after
			}
			yjs, err := o.Load(before, after, merged)
			if err != nil {
				t.Fatal(err)
			}
			if got := whatYjsDid(c, yjs[0], yjs[1], yjs[2]); got != c.yjs {
				t.Errorf("Yjs %s, the list says that it %s\n%v", got, c.yjs, yjs[1:])
			}
		})
	}
}

// whatYjsDid puts into words what became of an update, given the document
// before it, with it, and with all merged first.
func whatYjsDid(c difference, before, after, merged crdttest.Loaded) string {
	switch {
	case after.Err != "":
		name, _, _ := strings.Cut(after.Err, ":")
		name, _, _ = strings.Cut(name, "\n")
		if after.Update != before.Update {
			return "throws " + name + ", and part of it is done"
		}
		return "throws " + name
	case merged.Vector != after.Vector:
		return "loses a part of it"
	case after.Update == before.Update:
		return "takes it, and nothing changes"
	}
	if strings.HasPrefix(c.ours, "taken: both") {
		if state, err := hex.DecodeString(after.Update); err == nil && crdt.ValidateUpdate(state) != nil || err == nil && after.Update != hex.EncodeToString(raw(nil).uint(0, 1, 7, 2, 1, 1, 5, 1)) {
			return "takes it, and garbles it"
		}
	}
	return "takes it"
}

// TestDifferencesAreDocumented compares the list with the table in INTERNALS.md.
func TestDifferencesAreDocumented(t *testing.T) {
	text, err := os.ReadFile("INTERNALS.md")
	if err != nil {
		t.Fatal(err)
	}
	const heading = "## Where it is stricter than Yjs\n"
	_, section, ok := strings.Cut(string(text), heading)
	if !ok {
		t.Fatalf("INTERNALS.md has no section %q", heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var got, want []string
	for _, line := range strings.Split(section, "\n") {
		if strings.HasPrefix(line, "| ") {
			got = append(got, line)
		}
	}
	want = append(want, "| what comes | Yjs 13.6 | why nobody sends it |")
	for _, c := range differences {
		want = append(want, c.row())
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the table in INTERNALS.md is not that of the differences. It should read:\n%s", strings.Join(want, "\n"))
	}
}
