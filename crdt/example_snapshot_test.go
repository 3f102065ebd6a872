package crdt_test

import (
	"encoding/json"
	"fmt"

	"github.com/weftsync/weft/crdt"
)

// write runs one transaction on a text.
func write(d *crdt.Doc, fn func(tx *crdt.Tx, text *crdt.Text) error) {
	if _, err := d.Update(func(tx *crdt.Tx) error { return fn(tx, d.Text("content")) }); err != nil {
		fmt.Println(err)
	}
}

// A snapshot is small, can be stored, and tells what its document knew.
func ExampleSnapshot() {
	doc := crdt.New(crdt.Options{ClientID: 1, KeepDeleted: true})
	update, _ := doc.Update(func(tx *crdt.Tx) error { return doc.Text("content").Insert(tx, 0, "hello") })
	before := crdt.Snapshot{}
	stored := doc.Snapshot().Encode()

	after, err := crdt.DecodeSnapshot(stored)
	if err != nil {
		fmt.Println(err)
	}
	fmt.Println(len(stored), "bytes, equal to now:", after.Equal(doc.Snapshot()))
	for _, s := range []crdt.Snapshot{before, after} {
		known, err := s.ContainsUpdate(update)
		fmt.Println(known, err)
	}
	// Output:
	// 4 bytes, equal to now: true
	// false <nil>
	// true <nil>
}

// A snapshot can be made of a state vector and deleted ranges, as those who
// keep such things beside updates have them.
func ExampleNewSnapshot() {
	doc := crdt.New(crdt.Options{ClientID: 1, KeepDeleted: true})
	write(doc, func(tx *crdt.Tx, text *crdt.Text) error { return text.Insert(tx, 0, "hello") })
	s, err := crdt.NewSnapshot(doc.EncodeStateVector(), []crdt.IDRange{{Client: 1, Clock: 1, Len: 3}})
	fmt.Println(doc.Text("content").StringAt(s), err)
	// Output: ho <nil>
}

// The text as it was, although it was changed since.
func ExampleText_DeltaAt() {
	doc := crdt.New(crdt.Options{ClientID: 1, KeepDeleted: true})
	text := doc.Text("content")
	write(doc, func(tx *crdt.Tx, text *crdt.Text) error { return text.Insert(tx, 0, "hello", crdt.Attrs{"bold": true}) })
	s := doc.Snapshot()
	write(doc, func(tx *crdt.Tx, text *crdt.Text) error { return text.Delete(tx, 0, 4) })
	fmt.Println(text.DeltaAt(s), text.StringAt(s))
	fmt.Println(text.Delta(), text)
	// Output:
	// [{hello map[bold:true]}] hello
	// [{o map[bold:true]}] o
}

// Who added and who removed what between two versions.
func ExampleText_DeltaBetween() {
	doc := crdt.New(crdt.Options{ClientID: 1, KeepDeleted: true})
	write(doc, func(tx *crdt.Tx, text *crdt.Text) error { return text.Insert(tx, 0, "hello world") })
	prev := doc.Snapshot()
	write(doc, func(tx *crdt.Tx, text *crdt.Text) error { return text.Delete(tx, 0, 6) })
	write(doc, func(tx *crdt.Tx, text *crdt.Text) error { return text.Insert(tx, 5, "!") })
	now := doc.Snapshot()
	names := map[uint64]string{1: "alice"}
	delta := doc.Text("content").DeltaBetween(prev, now, func(change crdt.TextChange, first crdt.ID) any {
		return fmt.Sprintf("%s, text of %s", change, names[first.Client])
	})
	for _, op := range delta {
		line, _ := json.Marshal(op)
		fmt.Println(string(line))
	}
	// Output:
	// {"Insert":"hello ","Attributes":{"ychange":"removed, text of alice"}}
	// {"Insert":"world","Attributes":null}
	// {"Insert":"!","Attributes":{"ychange":"added, text of alice"}}
}

// Arrays and maps at a snapshot.
func ExampleArray_SliceAt() {
	doc := crdt.New(crdt.Options{ClientID: 1, KeepDeleted: true})
	list := doc.Array("list")
	doc.Update(func(tx *crdt.Tx) error { return list.Push(tx, "a", "b") })
	s := doc.Snapshot()
	doc.Update(func(tx *crdt.Tx) error { return list.Delete(tx, 0, 1) })
	fmt.Println(list.SliceAt(s), list.ToSlice())
	// Output: [a b] [b]
}

// Older values of a key stay in the history.
func ExampleMap_GetAt() {
	doc := crdt.New(crdt.Options{ClientID: 1, KeepDeleted: true})
	settings := doc.Map("settings")
	doc.Update(func(tx *crdt.Tx) error { return settings.Set(tx, "theme", "light") })
	s := doc.Snapshot()
	doc.Update(func(tx *crdt.Tx) error { return settings.Set(tx, "theme", "dark") })
	fmt.Println(settings.GetAt("theme", s))
	fmt.Println(settings.EntriesAt(crdt.Snapshot{}))
	// Output:
	// light true
	// map[]
}

// Attributes and children of an element at a snapshot.
func ExampleXMLElement_AttributesAt() {
	doc := crdt.New(crdt.Options{ClientID: 1, KeepDeleted: true})
	page := doc.XMLFragment("page")
	var p *crdt.XMLElement
	doc.Update(func(tx *crdt.Tx) (err error) {
		if p, err = page.InsertElement(tx, 0, "p"); err != nil {
			return err
		}
		return p.SetAttribute(tx, "align", "left")
	})
	s := doc.Snapshot()
	doc.Update(func(tx *crdt.Tx) error { return p.SetAttribute(tx, "align", "right") })
	fmt.Println(p.AttributesAt(s), p)
	for child := range page.ChildrenAt(s) {
		fmt.Println(child)
	}
	// Output:
	// map[align:left] <p align="right"></p>
	// <p align="right"></p>
}

// A whole document goes back to a version, as a new document.
func ExampleDoc_Restore() {
	doc := crdt.New(crdt.Options{ClientID: 1, KeepDeleted: true})
	write(doc, func(tx *crdt.Tx, text *crdt.Text) error { return text.Insert(tx, 0, "first") })
	s := doc.Snapshot()
	write(doc, func(tx *crdt.Tx, text *crdt.Text) error { return text.Delete(tx, 0, 5) })
	restored, err := doc.Restore(s, crdt.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(restored.Text("content"))

	_, err = crdt.New(crdt.Options{}).Restore(s, crdt.Options{})
	fmt.Println(err)
	// Output:
	// first
	// crdt: the document collects what is deleted (Options.KeepDeleted is not set)
}

// The history of one part of a document is kept, the rest is collected.
func ExampleOptions_collectFilter() {
	doc := crdt.New(crdt.Options{ClientID: 1, CollectFilter: func(i crdt.Item) bool {
		return i.Root() != "content"
	}})
	scratch := doc.Text("scratch")
	write(doc, func(tx *crdt.Tx, text *crdt.Text) error {
		if err := scratch.Insert(tx, 0, "of no use"); err != nil {
			return err
		}
		return text.Insert(tx, 0, "of use")
	})
	s := doc.Snapshot()
	write(doc, func(tx *crdt.Tx, text *crdt.Text) error {
		if err := scratch.Delete(tx, 0, scratch.Len()); err != nil {
			return err
		}
		return text.Delete(tx, 0, text.Len())
	})
	fmt.Printf("%q %q\n", doc.Text("content").StringAt(s), scratch.StringAt(s))
	// Output: "of use" ""
}

// Users have names that last longer than client ids.
func ExampleUserData() {
	doc := crdt.New(crdt.Options{ClientID: 1, KeepDeleted: true})
	users := crdt.NewUserData(doc.Map("users"))
	defer users.Close()
	users.Record(doc.ClientID(), "alice", nil)
	write(doc, func(tx *crdt.Tx, text *crdt.Text) error { return text.Insert(tx, 0, "hello") })
	prev := doc.Snapshot()
	write(doc, func(tx *crdt.Tx, text *crdt.Text) error { return text.Delete(tx, 1, 4) })
	delta := doc.Text("content").DeltaBetween(prev, doc.Snapshot(), func(change crdt.TextChange, first crdt.ID) any {
		name, _ := users.User(first.Client)
		if change == crdt.TextRemoved {
			name, _ = users.Deleter(first)
		}
		return string(change) + " by " + name
	})
	fmt.Println(delta)
	// Output: [{h map[]} {ello map[ychange:removed by alice]}]
}
