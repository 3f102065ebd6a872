package crdt_test

import (
	"regexp"
	"testing"

	"github.com/weftsync/weft/crdt"
)

func TestGUID(t *testing.T) {
	d := crdt.New(crdt.Options{KeepDeleted: true, AutoLoad: true, Meta: "m", CollectionID: "c"})
	guid := d.GUID()
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(guid) {
		t.Errorf("%q is no random UUID", guid)
	}
	want := crdt.Subdoc{GUID: guid, KeepDeleted: true, AutoLoad: true, Meta: "m"}
	if got := d.Subdoc(); got != want || d.CollectionID() != "c" {
		t.Errorf("got %+v of %s, want %+v", got, d.CollectionID(), want)
	}
	if crdt.New(crdt.Options{}).GUID() == guid {
		t.Error("two documents have one GUID")
	}
	if got := crdt.New(crdt.Options{GUID: "mine"}).GUID(); got != "mine" {
		t.Errorf("got %q", got)
	}
}
