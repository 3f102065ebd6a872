package crdt_test

import (
	"fmt"

	"github.com/weftsync/weft/crdt"
)

// Rich text editors keep their documents in XML. A tree is built of nodes with
// their children, and inserted in one step.
func ExampleXMLFragment() {
	doc := crdt.New(crdt.Options{ClientID: 1})
	page := doc.XMLFragment("page")
	doc.Update(func(tx *crdt.Tx) error {
		return page.Push(tx,
			crdt.NewXMLElement("heading", crdt.Attrs{"level": 1}, crdt.NewXMLText("Title")),
			crdt.NewXMLElement("paragraph", nil,
				crdt.NewXMLText("some "),
				crdt.NewXMLText("strong", crdt.Attrs{"strong": map[string]any{}}),
			),
		)
	})
	heading := page.Find("heading")
	doc.Update(func(tx *crdt.Tx) error {
		if err := heading.SetAttribute(tx, "level", 2); err != nil {
			return err
		}
		return page.InsertAfter(tx, heading, crdt.NewXMLElement("rule", nil))
	})
	fmt.Println(page)
	// Output: <heading level="2">Title</heading><rule></rule><paragraph>some <strong>strong</strong></paragraph>
}

// Trees are walked node by node, from neighbour to neighbour, or by tag.
func ExampleXMLFragment_Walk() {
	doc := crdt.New(crdt.Options{ClientID: 1})
	list := doc.XMLFragment("list")
	doc.Update(func(tx *crdt.Tx) error {
		item := func(s string) *crdt.Prelim { return crdt.NewXMLElement("item", nil, crdt.NewXMLText(s)) }
		return list.Push(tx, crdt.NewXMLElement("ul", nil, item("one"), item("two"), item("three")))
	})
	for node := range list.Walk(nil) {
		switch n := node.(type) {
		case *crdt.XMLElement:
			fmt.Println("element", n.Name(), n.Len())
		case *crdt.XMLText:
			fmt.Println("text", n)
		}
	}
	for item := range list.FindAll("item") {
		next := item.NextSibling()
		fmt.Println(item, next != nil, item.Parent() == list.FirstChild())
	}
	// Output:
	// element ul 3
	// element item 1
	// text one
	// element item 1
	// text two
	// element item 1
	// text three
	// <item>one</item> true true
	// <item>two</item> true true
	// <item>three</item> false true
}
