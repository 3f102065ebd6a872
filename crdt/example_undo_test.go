package crdt_test

import (
	"fmt"

	"github.com/weftsync/weft/crdt"
)

// Undo takes back one's own edits, and leaves those of others.
func ExampleUndoManager() {
	mine, theirs := crdt.New(crdt.Options{ClientID: 1}), crdt.New(crdt.Options{ClientID: 2})
	text := mine.Text("t")
	undo := mine.NewUndoManager(crdt.UndoOptions{}, text)
	defer undo.Close()

	first := must(mine, func(tx *crdt.Tx) error { return text.Insert(tx, 0, "my words") })
	if _, err := theirs.ApplyUpdate(first); err != nil {
		fmt.Println(err)
	}
	second := must(theirs, func(tx *crdt.Tx) error { return theirs.Text("t").Insert(tx, 0, "Their words, ") })
	if _, err := mine.ApplyUpdate(second, crdt.WithOrigin("network")); err != nil {
		fmt.Println(err)
	}
	fmt.Println(text)

	// The update is for the others, like that of any edit.
	_, update, err := undo.Undo()
	fmt.Println(text, len(update) > 0, err)
	_, _, err = undo.Redo()
	fmt.Println(text, err)
	// Output:
	// Their words, my words
	// Their words,  true <nil>
	// Their words, my words <nil>
}

// Each edit is one step, or what is edited in quick succession is.
func ExampleUndoManager_StopCapturing() {
	doc := crdt.New(crdt.Options{ClientID: 1})
	text := doc.Text("t")
	undo := doc.NewUndoManager(crdt.UndoOptions{}, text)
	for _, word := range []string{"one ", "two ", "three "} {
		must(doc, func(tx *crdt.Tx) error { return text.Insert(tx, text.Len(), word) })
		if word == "two " {
			undo.StopCapturing()
		}
	}
	fmt.Println(len(undo.UndoStack()))
	for undo.CanUndo() {
		if _, _, err := undo.Undo(); err != nil {
			fmt.Println(err)
		}
		fmt.Printf("%q\n", text)
	}
	// Output:
	// 2
	// "one two "
	// ""
}

// Origins say whose edits are undone; a step keeps what the program gives it.
func ExampleUndoOptions() {
	doc := crdt.New(crdt.Options{ClientID: 1})
	text := doc.Text("t")
	undo := doc.NewUndoManager(crdt.UndoOptions{Origins: []any{"keyboard"}}, text)
	undo.OnAdded(func(e crdt.StackEvent) { e.Item.Meta["cursor"] = text.Len() })
	undo.OnPopped(func(e crdt.StackEvent) { fmt.Println("cursor to", e.Item.Meta["cursor"]) })
	must(doc, func(tx *crdt.Tx) error { return text.Insert(tx, 0, "typed") }, crdt.WithOrigin("keyboard"))
	must(doc, func(tx *crdt.Tx) error { return text.Insert(tx, 5, ", generated") }, crdt.WithOrigin("bot"))
	if _, _, err := undo.Undo(); err != nil {
		fmt.Println(err)
	}
	fmt.Println(text)
	// Output:
	// cursor to 5
	// , generated
}

// What was deleted and brought back is another item for everybody else; the
// replica that undid it knows better.
func ExampleDoc_ResolveAsOthers() {
	doc := crdt.New(crdt.Options{ClientID: 1})
	text := doc.Text("t")
	must(doc, func(tx *crdt.Tx) error { return text.Insert(tx, 0, "abcdef") })
	undo := doc.NewUndoManager(crdt.UndoOptions{}, text)
	cursor := text.RelativePosition(3, 0) // before the d
	must(doc, func(tx *crdt.Tx) error { return text.Delete(tx, 2, 4) })
	if _, _, err := undo.Undo(); err != nil {
		fmt.Println(err)
	}
	_, _, mine, _ := doc.Resolve(cursor)
	_, _, others, _ := doc.ResolveAsOthers(cursor)
	fmt.Println(text, mine, others)
	// Output:
	// abcdef 3 6
}
