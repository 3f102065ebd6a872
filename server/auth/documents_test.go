package auth

import (
	"strings"
	"testing"

	ysync "github.com/weftsync/weft/sync"
)

func TestDocumentsLevel(t *testing.T) {
	d := Documents{
		"*": ysync.Read, "team/*": ysync.Write, "team/pay": ysync.None, "team/a/b/*": ysync.Admin, "notes": ysync.Presence,
	}
	tests := []struct {
		name string
		want ysync.Level
	}{
		{"notes", ysync.Presence},
		{"notes/a", ysync.Read}, // a name covers nothing below it
		{"note", ysync.Read},
		{"team", ysync.Read}, // the pattern covers what is below
		{"team/a", ysync.Write},
		{"team/a/b", ysync.Write},
		{"team/a/b/c", ysync.Admin}, // the longer pattern
		{"team/a/b/c/d", ysync.Admin},
		{"team/a/bc", ysync.Write},
		{"team/pay", ysync.None}, // the name before the pattern
		{"team/pay/x", ysync.Write},
		{"teams/a", ysync.Read},
		{"TEAM/a", ysync.Read}, // names are bytes
		{"other/team/a", ysync.Read},
	}
	for _, tt := range tests {
		if got := d.Level(tt.name); got != tt.want {
			t.Errorf("%q: got %s, want %s", tt.name, got, tt.want)
		}
	}
	if got := (Documents{"team/*": ysync.Write}).Level("notes"); got != ysync.None {
		t.Errorf("what nothing covers: got %s, want none", got)
	}
	if got := Documents(nil).Level("notes"); got != ysync.None {
		t.Errorf("nothing: got %s, want none", got)
	}
}

func TestParseDocuments(t *testing.T) {
	tests := []struct{ text, want string }{
		{`{}`, ""},
		{`{"notes":"write","team/*":"read","*":"none","a/b/c":"admin","x":"presence"}`, ""},
		{`{"notes":"write","notes":"read"}`, "once"},
		{`{"notes":1}`, "levels"},
		{`{"notes":"Write"}`, `"Write" is no level`},
		{`{"notes":""}`, `"" is no level`},
		{`["notes"]`, "object"},
		{`{"draft*":"read"}`, "whole last segment"},
		{`{"a/*/b":"read"}`, "whole last segment"},
		{`{"a/**":"read"}`, "whole last segment"},
		{`{"*/*":"read"}`, "whole last segment"},
		{`{"**":"read"}`, "whole last segment"},
		{`{"":"read"}`, "empty"},
		{`{"/*":"read"}`, "empty"},
		{`{"team/":"read"}`, "empty segment"},
		{`{"../*":"read"}`, `segment ".."`},
		{`{"a\u0000":"read"}`, "control"},
		{`{"` + strings.Repeat("a", 300) + `":"read"}`, "255"},
	}
	for _, tt := range tests {
		_, err := parseDocuments([]byte(tt.text))
		if tt.want == "" && err != nil {
			t.Errorf("%s: got %v, want none", tt.text, err)
		}
		if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: got %v, want an error with %q", tt.text, err, tt.want)
		}
	}
	if err := (Documents{"a": ysync.Level(ysync.Levels)}).Check(); err == nil {
		t.Error("a level that does not exist: got no error")
	}
}
