package crdt_test

import (
	"errors"
	"fmt"

	"github.com/weftsync/weft/crdt"
)

// An array holds values, and comes back as JavaScript would have them: numbers
// as float64.
func ExampleArray() {
	doc := crdt.New(crdt.Options{ClientID: 1})
	todo := doc.Array("todo")
	doc.Update(func(tx *crdt.Tx) error {
		if err := todo.Push(tx, "bread", 3, true, nil); err != nil {
			return err
		}
		if err := todo.Unshift(tx, "first"); err != nil {
			return err
		}
		return todo.Delete(tx, 3, 2)
	})
	for i, v := range todo.All() {
		fmt.Printf("%d: %v (%T)\n", i, v, v)
	}
	fmt.Println(todo.Slice(-2, todo.Len()))
	// Output:
	// 0: first (string)
	// 1: bread (string)
	// 2: 3 (float64)
	// [bread 3]
}

// A map is keys that are set independently of each other.
func ExampleMap() {
	doc := crdt.New(crdt.Options{ClientID: 1})
	settings := doc.Map("settings")
	doc.Update(func(tx *crdt.Tx) error {
		if err := settings.Set(tx, "theme", "dark"); err != nil {
			return err
		}
		return settings.Set(tx, "margins", []any{10, 20})
	})
	doc.Update(func(tx *crdt.Tx) error { return settings.Delete(tx, "theme") })
	for k, v := range settings.All() {
		fmt.Println(k, v)
	}
	fmt.Println(settings.Has("theme"), settings.Len())
	// Output:
	// margins [10 20]
	// false 1
}

// Nested content is described first and inserted in one step.
func ExamplePrelim() {
	doc := crdt.New(crdt.Options{ClientID: 1})
	notes := doc.Array("notes")
	note := crdt.NewMap(map[string]any{
		"title": "shopping",
		"body":  crdt.NewText("bread, milk"),
		"tags":  crdt.NewArray("home", "today"),
	})
	doc.Update(func(tx *crdt.Tx) error { return notes.Push(tx, note) })

	// What was inserted is read from where it is, and edited there.
	first, err := notes.Get(0)
	if err != nil {
		fmt.Println(err)
	}
	body, _ := first.(*crdt.Map).Get("body")
	doc.Update(func(tx *crdt.Tx) error { return body.(*crdt.Text).Insert(tx, 0, "butter, ") })

	// A copy is inserted the same way.
	doc.Update(func(tx *crdt.Tx) error { return notes.Push(tx, first.(*crdt.Map).Clone().Set("title", "copy")) })
	fmt.Println(string(doc.RootJSON("notes")))
	// Output:
	// [{"body":"butter, bread, milk","tags":["home","today"],"title":"shopping"},{"body":"butter, bread, milk","tags":["home","today"],"title":"copy"}]
}

// A type knows where it lies, and there is one handle for each.
func ExampleType() {
	doc := crdt.New(crdt.Options{ClientID: 1})
	board := doc.Map("board")
	doc.Update(func(tx *crdt.Tx) error {
		return board.Set(tx, "todo", crdt.NewArray(crdt.NewText("water the plants")))
	})
	column, _ := board.Get("todo")
	v, _ := column.(*crdt.Array).Get(0)
	card := v.(crdt.Type)
	fmt.Println(card.Kind(), card.Root(), card.Parent() == column, card.Parent().Parent() == doc.Map("board"))
	doc.Update(func(tx *crdt.Tx) error { return board.Clear(tx) })
	fmt.Println(card.Deleted())
	_, err := doc.Update(func(tx *crdt.Tx) error { return card.(*crdt.Text).Insert(tx, 0, "late") })
	fmt.Println(err)
	// Output:
	// text board true true
	// true
	// crdt: the type is deleted: an edit of text
}

// Edits say what is wrong and where; the document is as it was.
func ExampleErrIndex() {
	doc := crdt.New(crdt.Options{ClientID: 1})
	doc.Update(func(tx *crdt.Tx) error { return doc.Map("board").Set(tx, "todo", crdt.NewArray("a", "b")) })
	_, err := doc.Update(func(tx *crdt.Tx) error {
		column, _ := doc.Map("board").Get("todo")
		return column.(*crdt.Array).Delete(tx, 1, 2)
	})
	fmt.Println(errors.Is(err, crdt.ErrIndex))
	fmt.Println(err)
	// Output:
	// true
	// crdt: index out of range: 2 places from 1 in array "board"["todo"] of length 2
}

// Updates name roots and do not say what they are. A program that does not know
// looks first.
func ExampleDoc_RootKind() {
	peer := crdt.New(crdt.Options{ClientID: 1})
	update, _ := peer.Update(func(tx *crdt.Tx) error { return peer.Text("content").Insert(tx, 0, "hello") })

	doc := crdt.New(crdt.Options{ClientID: 2})
	if _, err := doc.ApplyUpdate(update); err != nil {
		fmt.Println(err)
	}
	for _, name := range doc.Roots() {
		fmt.Println(name, doc.Root(name), doc.RootKind(name), string(doc.RootJSON(name)))
		t, err := doc.Get(name, doc.RootKind(name))
		fmt.Println(t, err)
	}
	_, err := doc.Get("content", crdt.KindMap)
	fmt.Println(err)
	// Output:
	// content <nil> text "hello"
	// hello <nil>
	// crdt: wrong kind of shared type: root "content" is declared as text and asked for as map
}

// A subdocument lies in a document by its GUID; its content is elsewhere.
func ExampleDoc_Subdocs() {
	folder := crdt.New(crdt.Options{ClientID: 1})
	page := crdt.New(crdt.Options{ClientID: 1, GUID: "page-1", Meta: "draft"})
	update, _ := folder.Update(func(tx *crdt.Tx) error { return folder.Map("pages").Set(tx, "first", page.Subdoc()) })

	other := crdt.New(crdt.Options{ClientID: 2})
	if _, err := other.ApplyUpdate(update); err != nil {
		fmt.Println(err)
	}
	for _, s := range other.Subdocs() {
		fmt.Println(s.GUID, s.Meta, s.AutoLoad)
	}
	// Output: page-1 draft false
}
