package server

import (
	"strconv"
	"unicode/utf8"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/crdt/lib0"
)

// viewEvent is one change of a rendering: what viewers are sent, once for all of them. It is not changed after it was
// made.
type viewEvent struct {
	feed    *feed
	seq     uint64        // the rendering is of the document after this update
	splices []crdt.Splice // of text
	patch   []byte        // of JSON: operations of RFC 6902 with commas between them
	whole   []byte        // the change cannot be told in steps: the data of a whole
	bound   bool          // the feed has found its root; its viewers go on with another feed
	frame   []byte        // the event alone, as it is sent; made when it is published
}

// size is about what the event costs while it is kept.
func (e *viewEvent) size() int {
	n := 128 + 2*len(e.patch) + 2*len(e.whole)
	for _, s := range e.splices {
		n += 64 + 2*len(s.Inserted)
	}
	return n
}

// appendEvent appends one server-sent event. data is a single line.
func appendEvent(b []byte, id, name string, data []byte) []byte {
	if id != "" {
		b = append(append(append(b, "id: "...), id...), '\n')
	}
	b = append(append(append(b, "event: "...), name...), "\ndata: "...)
	return append(append(b, data...), "\n\n"...)
}

// The names of the events.
const (
	eventWhole   = "whole"
	eventReset   = "reset"
	eventSplice  = "splice"
	eventPatch   = "patch"
	eventRefused = "refused"
)

// appendChanges appends one event for a run of changes, which follow each other. A whole among them makes what came
// before it needless.
func appendChanges(b []byte, incarnation uint64, events []*viewEvent) []byte {
	for i := len(events) - 1; i >= 0; i-- {
		if events[i].whole != nil {
			b = appendEvent(b, eventID(incarnation, events[i].seq), eventReset, events[i].whole)
			events = events[i+1:]
			break
		}
	}
	if len(events) == 0 {
		return b
	}
	id := eventID(incarnation, events[len(events)-1].seq)
	var splices []crdt.Splice
	var patch []byte
	for _, e := range events {
		for _, s := range e.splices {
			splices = joinSplice(splices, s)
		}
		if len(e.patch) > 0 {
			if len(patch) > 0 {
				patch = append(patch, ',')
			}
			patch = append(patch, e.patch...)
		}
	}
	if len(splices) > 0 {
		b = appendEvent(b, id, eventSplice, appendSplices(nil, splices))
	}
	if len(patch) > 0 {
		b = appendEvent(b, id, eventPatch, append(append([]byte{'['}, patch...), ']'))
	}
	return b
}

// appendSplices appends [[position,deleted,"inserted"],…].
func appendSplices(b []byte, splices []crdt.Splice) []byte {
	b = append(b, '[')
	for i, s := range splices {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(append(b, '['), int64(s.Index), 10)
		b = strconv.AppendInt(append(b, ','), int64(s.Deleted), 10)
		b = lib0.AppendJSONString(append(b, ','), []byte(s.Inserted))
		b = append(b, ']')
	}
	return append(b, ']')
}

// joinSplice appends s to splices, or lets the last of them grow when s goes on where it ended: a run of typing, of
// backspaces or of deletes is one splice.
func joinSplice(splices []crdt.Splice, s crdt.Splice) []crdt.Splice {
	if s.Deleted == 0 && s.Inserted == "" {
		return splices
	}
	if len(splices) == 0 {
		return append(splices, s)
	}
	last := &splices[len(splices)-1]
	switch {
	case s.Deleted == 0 && s.Index == last.Index+utf16Len(last.Inserted):
		last.Inserted += s.Inserted
	case s.Inserted == "" && last.Inserted == "" && s.Index == last.Index:
		last.Deleted += s.Deleted
	case last.Inserted == "" && s.Index+s.Deleted == last.Index:
		last.Index, last.Deleted, last.Inserted = s.Index, last.Deleted+s.Deleted, s.Inserted
	default:
		return append(splices, s)
	}
	return splices
}

// utf16Len returns the length of a WTF-8 string in UTF-16 code units.
func utf16Len(s string) int {
	n := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= 0xf0:
			n += 2
		case c < 0x80 || c >= 0xc0:
			n++
		}
	}
	return n
}

// spliceBetween returns the change from one string to another: what lies between the longest prefix and the longest
// suffix that they share.
func spliceBetween(from, to string) crdt.Splice {
	start := 0
	for start < len(from) && start < len(to) && from[start] == to[start] {
		start++
	}
	for start > 0 && (start < len(from) && !utf8.RuneStart(from[start]) || start < len(to) && !utf8.RuneStart(to[start])) {
		start--
	}
	end := 0
	for end < len(from)-start && end < len(to)-start && from[len(from)-1-end] == to[len(to)-1-end] {
		end++
	}
	for end > 0 && !utf8.RuneStart(from[len(from)-end]) {
		end--
	}
	return crdt.Splice{
		Index: utf16Len(from[:start]), Deleted: utf16Len(from[start : len(from)-end]), Inserted: to[start : len(to)-end],
	}
}

// eventID returns what Last-Event-ID will hold: the incarnation of the log and a sequence in it. A document that does
// not exist yet has no incarnation, and its events no id.
func eventID(incarnation, seq uint64) string {
	if incarnation == 0 {
		return ""
	}
	return strconv.FormatUint(incarnation, 16) + ":" + strconv.FormatUint(seq, 10)
}
