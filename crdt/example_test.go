package crdt_test

import (
	"fmt"

	"github.com/weftsync/weft/crdt"
)

// Two replicas edit at once and exchange updates.
func Example() {
	alice, bob := crdt.New(crdt.Options{ClientID: 1}), crdt.New(crdt.Options{ClientID: 2})
	first, _ := alice.Update(func(tx *crdt.Tx) error {
		return alice.Text("content").Insert(tx, 0, "hello world")
	})
	if _, err := bob.ApplyUpdate(first); err != nil {
		fmt.Println(err)
	}
	fromAlice, _ := alice.Update(func(tx *crdt.Tx) error {
		return alice.Text("content").Insert(tx, 5, ", wide")
	})
	fromBob, _ := bob.Update(func(tx *crdt.Tx) error {
		return bob.Text("content").Format(tx, 6, 5, crdt.Attrs{"bold": true})
	})
	alice.ApplyUpdate(fromBob)
	bob.ApplyUpdate(fromAlice)
	fmt.Println(alice.Text("content"))
	fmt.Println(string(bob.Text("content").DeltaJSON()))
	// Output:
	// hello, wide world
	// [{"insert":"hello, wide "},{"insert":"world","attributes":{"bold":true}}]
}

// A replica that was away asks for what it lacks by its state vector.
func ExampleDoc_EncodeStateAsUpdate() {
	server, client := crdt.New(crdt.Options{ClientID: 1}), crdt.New(crdt.Options{ClientID: 2})
	server.Update(func(tx *crdt.Tx) error { return server.Map("settings").Set(tx, "theme", "dark") })
	diff, err := server.EncodeStateAsUpdate(client.EncodeStateVector())
	if err != nil {
		fmt.Println(err)
	}
	client.ApplyUpdate(diff)
	fmt.Println(client.Map("settings").Get("theme"))
	// Output: dark true
}

// A watcher follows a text without copying it.
func ExampleText_OnSplice() {
	doc := crdt.New(crdt.Options{ClientID: 1})
	text := doc.Text("content")
	cancel := text.OnSplice(func(s crdt.Splice) { fmt.Printf("%d -%d +%q\n", s.Index, s.Deleted, s.Inserted) })
	defer cancel()
	doc.Update(func(tx *crdt.Tx) error { return text.Insert(tx, 0, "abc") })
	doc.Update(func(tx *crdt.Tx) error { return text.Delete(tx, 1, 1) })
	// Output:
	// 0 -0 +"abc"
	// 1 -1 +""
}

// Shared types nest: a list of notes, each with a title and a body.
func ExampleArray_InsertMap() {
	doc := crdt.New(crdt.Options{ClientID: 1})
	_, err := doc.Update(func(tx *crdt.Tx) error {
		note, err := doc.Array("notes").InsertMap(tx, 0)
		if err != nil {
			return err
		}
		if err := note.Set(tx, "title", "shopping"); err != nil {
			return err
		}
		body, err := note.SetText(tx, "body")
		if err != nil {
			return err
		}
		return body.Insert(tx, 0, "bread, milk")
	})
	fmt.Println(string(doc.JSON()), err)
	// Output: {"notes":[{"title":"shopping","body":"bread, milk"}]} <nil>
}

// What is refused is refused whole, with the place and the reason.
func ExampleUpdateError() {
	doc := crdt.New(crdt.Options{ClientID: 1})
	_, err := doc.ApplyUpdate([]byte{1, 1, 7, 0, 4, 1, 1, 't', 200, 1})
	fmt.Println(err)
	// Output: crdt: refused at offset 8: length 200 exceeds the 0 bytes left
}
