package crdt_test

import (
	"fmt"

	"github.com/weftsync/weft/crdt"
)

// Indexes count UTF-16 code units: the emoji is two.
func ExampleText() {
	doc := crdt.New(crdt.Options{ClientID: 1})
	text := doc.Text("content")
	doc.Update(func(tx *crdt.Tx) error {
		if err := text.Insert(tx, 0, "👋 world"); err != nil {
			return err
		}
		return text.Insert(tx, 3, "wide ")
	})
	doc.Update(func(tx *crdt.Tx) error { return text.Delete(tx, 0, 3) })
	fmt.Println(text, text.Len())
	// Output: wide world 10
}

// Formatting is attributes of ranges. What is inserted without attributes takes
// those of the text before it.
func ExampleText_Format() {
	doc := crdt.New(crdt.Options{ClientID: 1})
	text := doc.Text("content")
	doc.Update(func(tx *crdt.Tx) error {
		if err := text.Insert(tx, 0, "plain bold"); err != nil {
			return err
		}
		if err := text.Format(tx, 6, 4, crdt.Attrs{"bold": true}); err != nil {
			return err
		}
		if err := text.Insert(tx, 10, "er"); err != nil { // bold like its neighbour
			return err
		}
		return text.Insert(tx, 12, ", red", crdt.Attrs{"color": "red"}) // red and nothing else
	})
	fmt.Println(string(text.DeltaJSON()))
	doc.Update(func(tx *crdt.Tx) error { return text.Format(tx, 0, text.Len(), crdt.Attrs{"bold": nil, "color": nil}) })
	fmt.Println(text)
	// Output:
	// [{"insert":"plain "},{"insert":"bolder","attributes":{"bold":true}},{"insert":", red","attributes":{"color":"red"}}]
	// plain bolder, red
}

// An embed is an object in a text that counts one unit: a value, or a shared
// type that can be edited where it lies.
func ExampleText_InsertEmbed() {
	doc := crdt.New(crdt.Options{ClientID: 1})
	text := doc.Text("content")
	doc.Update(func(tx *crdt.Tx) error {
		if err := text.Insert(tx, 0, "a picture: "); err != nil {
			return err
		}
		if err := text.InsertEmbed(tx, 11, map[string]any{"image": "cat.png"}); err != nil {
			return err
		}
		return text.InsertEmbed(tx, 12, crdt.NewMap(map[string]any{"votes": 1}))
	})
	for _, op := range text.Delta() {
		switch v := op.Insert.(type) {
		case string:
			fmt.Printf("text %q\n", v)
		case *crdt.Map:
			votes, _ := v.Get("votes")
			fmt.Println("shared map, votes", votes)
		case crdt.Object:
			fmt.Println("object", v.Map())
		}
	}
	// Output:
	// text "a picture: "
	// object map[image:cat.png]
	// shared map, votes 1
}

// Editors like Quill speak deltas: steps from the start of the text.
func ExampleText_ApplyDelta() {
	doc := crdt.New(crdt.Options{ClientID: 1})
	text := doc.Text("content")
	doc.Update(func(tx *crdt.Tx) error {
		return text.ApplyDelta(tx, []crdt.DeltaOp{
			{Insert: "Title", Attributes: crdt.Attrs{"header": 1}},
			{Insert: "\nsome words\n"},
		}, crdt.DropFinalNewline)
	})
	doc.Update(func(tx *crdt.Tx) error {
		return text.ApplyDelta(tx, []crdt.DeltaOp{
			{Retain: 6},
			{Delete: 5},
			{Insert: "few "},
			{Retain: 5, Attributes: crdt.Attrs{"italic": true}},
		})
	})
	for _, op := range text.Delta() {
		fmt.Printf("%q %v\n", op.Insert, op.Attributes)
	}
	// Output:
	// "Title" map[header:1]
	// "\nfew " map[]
	// "words" map[italic:true]
}
