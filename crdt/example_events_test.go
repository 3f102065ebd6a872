package crdt_test

import (
	"fmt"

	"github.com/weftsync/weft/crdt"
)

// must runs an edit that cannot fail.
func must(d *crdt.Doc, fn func(tx *crdt.Tx) error, opts ...crdt.TxOption) []byte {
	update, err := d.Update(fn, opts...)
	if err != nil {
		panic(err)
	}
	return update
}

// An observer is told what a transaction did, as a delta.
func ExampleText_Observe() {
	doc := crdt.New(crdt.Options{ClientID: 1})
	text := doc.Text("content")
	must(doc, func(tx *crdt.Tx) error { return text.Insert(tx, 0, "Hello world") })
	cancel := text.Observe(func(e *crdt.Event) {
		for _, op := range e.Delta() {
			switch {
			case op.Retain > 0:
				fmt.Println("retain", op.Retain, op.Attributes)
			case op.Delete > 0:
				fmt.Println("delete", op.Delete)
			default:
				fmt.Printf("insert %q\n", op.Insert)
			}
		}
	})
	defer cancel()
	must(doc, func(tx *crdt.Tx) error {
		if err := text.Format(tx, 0, 5, crdt.Attrs{"bold": true}); err != nil {
			return err
		}
		if err := text.Delete(tx, 6, 5); err != nil {
			return err
		}
		return text.Insert(tx, 6, "weft")
	})
	// Output:
	// retain 5 map[bold:true]
	// retain 1 map[]
	// delete 5
	// insert "weft"
}

// Keys that changed come with what they were.
func ExampleEvent_Keys() {
	doc := crdt.New(crdt.Options{ClientID: 1})
	m := doc.Map("settings")
	must(doc, func(tx *crdt.Tx) error { return m.Set(tx, "size", 12) })
	m.Observe(func(e *crdt.Event) {
		for _, key := range []string{"font", "size"} {
			c := e.Keys()[key]
			fmt.Println(key, c.Action, c.Old)
		}
	})
	must(doc, func(tx *crdt.Tx) error {
		if err := m.Set(tx, "font", "serif"); err != nil {
			return err
		}
		return m.Delete(tx, "size")
	})
	// Output:
	// font add <nil>
	// size delete 12
}

// A deep observer hears of everything below; the path says where.
func ExampleMap_ObserveDeep() {
	doc := crdt.New(crdt.Options{ClientID: 1})
	board := doc.Map("board")
	var cards *crdt.Array
	must(doc, func(tx *crdt.Tx) (err error) {
		cards, err = board.SetArray(tx, "cards")
		if err != nil {
			return err
		}
		_, err = cards.InsertMap(tx, 0)
		return err
	})
	board.ObserveDeep(func(events []*crdt.Event) {
		for _, e := range events {
			fmt.Println(e.Path(), e.KeysChanged())
		}
	})
	must(doc, func(tx *crdt.Tx) error {
		card, err := cards.Get(0)
		if err != nil {
			return err
		}
		return card.(*crdt.Map).Set(tx, "done", true)
	})
	// Output:
	// [cards 0] [done]
}

// OnUpdate is where a provider takes what is to be sent.
func ExampleDoc_OnUpdate() {
	a, b := crdt.New(crdt.Options{ClientID: 1}), crdt.New(crdt.Options{ClientID: 2})
	connect := func(from, to *crdt.Doc) {
		from.OnUpdate(func(update []byte, tx *crdt.Tx) {
			if tx.Local() {
				if _, err := to.ApplyUpdate(update, crdt.WithOrigin(from)); err != nil {
					fmt.Println(err)
				}
			}
		})
	}
	connect(a, b)
	connect(b, a)
	must(a, func(tx *crdt.Tx) error { return a.Text("t").Insert(tx, 0, "from a") })
	must(b, func(tx *crdt.Tx) error { return b.Text("t").Insert(tx, 0, "from b, ") })
	fmt.Println(a.Text("t"))
	// Output:
	// from b, from a
}

// A listener sees every transaction, with its origin and what it did.
func ExampleDoc_OnTransaction() {
	doc := crdt.New(crdt.Options{ClientID: 7})
	doc.OnTransaction(crdt.AfterTransaction, func(tx *crdt.Tx) {
		fmt.Println(tx.Origin(), tx.Local(), tx.Inserted(), len(tx.Changed()))
	})
	must(doc, func(tx *crdt.Tx) error { return doc.Text("t").Insert(tx, 0, "abc") }, crdt.WithOrigin("keyboard"))
	// Output:
	// keyboard true [{7 0 3}] 1
}

// What observers edit is an edit of this document: it comes with the result, and
// is to be sent like any other.
func ExampleApplied_authored() {
	editor, server := crdt.New(crdt.Options{ClientID: 1}), crdt.New(crdt.Options{ClientID: 2})
	count := server.Map("stats")
	server.Text("t").Observe(func(e *crdt.Event) {
		must(server, func(tx *crdt.Tx) error { return count.Set(tx, "length", server.Text("t").Len()) })
	})
	applied, err := server.ApplyUpdate(must(editor, func(tx *crdt.Tx) error { return editor.Text("t").Insert(tx, 0, "four") }))
	if err != nil {
		fmt.Println(err)
	}
	if _, err := editor.ApplyUpdate(applied.Authored); err != nil {
		fmt.Println(err)
	}
	fmt.Println(editor.Map("stats").Get("length"))
	// Output:
	// 4 true
}

// Subdocuments are documents of their own; the one that holds them tells which
// are wanted.
func ExampleDoc_OnSubdocs() {
	doc := crdt.New(crdt.Options{ClientID: 1})
	doc.OnSubdocs(func(e crdt.SubdocsEvent) {
		fmt.Println("added", len(e.Added), "removed", len(e.Removed), "load", len(e.Loaded))
	})
	must(doc, func(tx *crdt.Tx) error { return doc.Map("pages").Set(tx, "intro", crdt.Subdoc{GUID: "page-1"}) })
	must(doc, func(tx *crdt.Tx) error { return doc.Map("pages").Delete(tx, "intro") })
	// Output:
	// added 1 removed 0 load 1
	// added 0 removed 1 load 0
}
