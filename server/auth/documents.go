package auth

import (
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4/json"

	ysync "github.com/weftsync/weft/sync"
)

// Documents says what somebody may do with which documents. A key is the name of a document, or a pattern whose last
// segment is a star:
//
//	notes     the document notes
//	team/*    everything below team/, at every depth: team/a and team/a/b, but neither team nor teams/a
//	*         every document
//
// The most specific entry decides alone: a name before a pattern, a longer pattern before a shorter one. So
// {"team/*": write, "team/pay": none} keeps one document of a team from somebody who writes the others.
type Documents map[string]ysync.Level

// Level returns what may be done with the document name, None when no entry covers it. It costs one look-up for each
// segment of the name.
func (d Documents) Level(name string) ysync.Level {
	if level, ok := d[name]; ok {
		return level
	}
	for end := strings.LastIndexByte(name, '/'); end >= 0; end = strings.LastIndexByte(name[:end], '/') {
		if level, ok := d[name[:end]+"/*"]; ok {
			return level
		}
	}
	return d["*"]
}

// highest returns the highest level that d gives for anything.
func (d Documents) highest() ysync.Level {
	highest := ysync.None
	for _, level := range d {
		highest = max(highest, level)
	}
	return highest
}

// Check returns an error unless every key is a name or a pattern and every level exists. A star anywhere else than
// in the last segment, alone, is refused: draft* would also cover drafts/secret, which hardly anybody means.
func (d Documents) Check() error {
	for pattern, level := range d {
		if int(level) >= ysync.Levels {
			return fmt.Errorf("there is no level %d", level)
		}
		if err := checkPattern(pattern); err != nil {
			return err
		}
	}
	return nil
}

// checkPattern returns an error unless p is the name of a document or a pattern.
func checkPattern(p string) error {
	if p == "*" {
		return nil
	}
	name := strings.TrimSuffix(p, "/*")
	if refusal := ysync.CheckName(name); refusal != nil {
		return fmt.Errorf("%s is no document: %s", quote(p), refusal.Reason)
	}
	if strings.Contains(name, "*") {
		return fmt.Errorf("%s: a star is the whole last segment, as in team/*", quote(p))
	}
	return nil
}

// parseDocuments reads an object of names and patterns with the names of levels.
func parseDocuments(raw []byte) (Documents, error) {
	var levels map[string]string
	if err := json.Unmarshal(raw, &levels); err != nil {
		return nil, fmt.Errorf("want an object of documents and levels, each document once")
	}
	d := make(Documents, len(levels))
	for pattern, name := range levels {
		level, err := ParseLevel(name)
		if err != nil {
			return nil, err
		}
		d[pattern] = level
	}
	return d, d.Check()
}

// ParseLevel returns the level with that name: none, read, presence, write or admin.
func ParseLevel(name string) (ysync.Level, error) {
	for level := ysync.None; int(level) < ysync.Levels; level++ {
		if level.String() == name {
			return level, nil
		}
	}
	return ysync.None, fmt.Errorf("%s is no level; there are none, read, presence, write and admin", quote(name))
}

// quote shows what a peer sent in a reason: quoted, and short.
func quote(s string) string {
	const most = 40
	if len(s) <= most {
		return fmt.Sprintf("%q", s)
	}
	return fmt.Sprintf("%q…", s[:most])
}
