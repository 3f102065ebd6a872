package crdt_test

import (
	"errors"
	"fmt"

	"github.com/weftsync/weft/crdt"
)

// Two replicas that were apart tell each other what they have by their state
// vectors, and answer with what the other lacks.
func ExampleDoc_EncodeStateVector() {
	a, b := crdt.New(crdt.Options{ClientID: 1}), crdt.New(crdt.Options{ClientID: 2})
	a.Update(func(tx *crdt.Tx) error { return a.Text("content").Insert(tx, 0, "from a") })
	b.Update(func(tx *crdt.Tx) error { return b.Text("content").Insert(tx, 0, ", from b") })
	for _, pair := range [][2]*crdt.Doc{{a, b}, {b, a}} {
		to, from := pair[0], pair[1]
		missing, err := from.EncodeStateAsUpdate(to.EncodeStateVector())
		if err != nil {
			fmt.Println(err)
		}
		if _, err := to.ApplyUpdate(missing); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(a.Text("content"))
	fmt.Println(b.Text("content"))
	// Output:
	// from a, from b
	// from a, from b
}

// Updates are merged, compared and cut without building a document.
func ExampleMergeUpdates() {
	doc := crdt.New(crdt.Options{ClientID: 1})
	var log [][]byte
	for _, word := range []string{"one ", "two ", "three"} {
		update, _ := doc.Update(func(tx *crdt.Tx) error {
			return doc.Text("content").Insert(tx, doc.Text("content").Len(), word)
		})
		log = append(log, update)
	}
	merged, err := crdt.MergeUpdates(log...)
	if err != nil {
		fmt.Println(err)
	}
	has, _ := crdt.StateVectorFromUpdate(log[0]) // what a reader of the first update has
	rest, err := crdt.DiffUpdate(merged, has)
	if err != nil {
		fmt.Println(err)
	}
	reader := crdt.New(crdt.Options{ClientID: 2})
	for _, update := range [][]byte{log[0], rest} {
		if _, err := reader.ApplyUpdate(update); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(reader.Text("content"))
	// Output: one two three
}

// Updates may come in any order: what depends on others waits for them.
func ExampleDoc_ApplyUpdate() {
	doc := crdt.New(crdt.Options{ClientID: 1})
	first, _ := doc.Update(func(tx *crdt.Tx) error { return doc.Text("content").Insert(tx, 0, "hello") })
	second, _ := doc.Update(func(tx *crdt.Tx) error { return doc.Text("content").Insert(tx, 5, " world") })

	other := crdt.New(crdt.Options{ClientID: 2})
	for _, update := range [][]byte{second, first, first} {
		applied, err := other.ApplyUpdate(update)
		fmt.Printf("changed %v, waiting %v, %q %v\n", applied.Changed, applied.Waiting, other.RootString("content"), err)
	}
	// Output:
	// changed true, waiting true, "" <nil>
	// changed true, waiting false, "hello world" <nil>
	// changed false, waiting false, "hello world" <nil>
}

// V2 is the second format of updates, smaller for large documents. Both hold
// the same and are converted without loss.
func ExampleConvertUpdateV1ToV2() {
	doc := crdt.New(crdt.Options{ClientID: 1})
	v1, _ := doc.Update(func(tx *crdt.Tx) error { return doc.Array("list").Push(tx, "a", "b") })
	v2, err := crdt.ConvertUpdateV1ToV2(v1)
	if err != nil {
		fmt.Println(err)
	}
	other := crdt.New(crdt.Options{ClientID: 2})
	if _, err := other.ApplyUpdateV2(v2); err != nil {
		fmt.Println(err)
	}
	fmt.Println(string(other.RootJSON("list")))
	// Output: ["a","b"]
}

// Limits bound what one update may cost; what goes beyond is refused whole.
func ExampleLimits() {
	writer := crdt.New(crdt.Options{ClientID: 1})
	update, _ := writer.Update(func(tx *crdt.Tx) error {
		for i := range 100 {
			if err := writer.Map("m").Set(tx, fmt.Sprint(i), i); err != nil {
				return err
			}
		}
		return nil
	})
	doc := crdt.New(crdt.Options{ClientID: 2, Limits: crdt.Limits{Structs: 50}})
	_, err := doc.ApplyUpdate(update)
	var refused *crdt.UpdateError
	fmt.Println(errors.As(err, &refused), doc.Roots())
	fmt.Println(err)
	// Output:
	// true []
	// crdt: refused at offset 1: more than 50 structs in one update
}

// A relative position names the element next to it, so it stays where it is
// while others edit. Cursors are sent in this form.
func ExampleRelativePosition() {
	doc := crdt.New(crdt.Options{ClientID: 1})
	text := doc.Text("content")
	doc.Update(func(tx *crdt.Tx) error { return text.Insert(tx, 0, "hello world") })
	cursor := text.RelativePosition(6, 0).Encode()

	doc.Update(func(tx *crdt.Tx) error { return text.Insert(tx, 0, "well, ") })
	position, err := crdt.DecodeRelativePosition(cursor)
	if err != nil {
		fmt.Println(err)
	}
	typ, root, index, err := doc.Resolve(position)
	fmt.Println(typ == text, root, index, err)
	// Output: true content 12 <nil>
}
