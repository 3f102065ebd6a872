package sync

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxNameBytes is the length of the longest document name.
const MaxNameBytes = 255

// CheckName returns a refusal unless name may name a document: 1 to 255 bytes of UTF-8 without control characters,
// in segments between slashes of which none is empty, "." or "..". The rule is the same in every dialect and on every
// HTTP path, so that a document has one name wherever it is asked for.
func CheckName(name string) *Refusal {
	switch {
	case name == "":
		return Refuse(CodeMalformed, "the document name is empty")
	case len(name) > MaxNameBytes:
		return Refuse(CodeMalformed, "the document name has %d bytes, more than %d", len(name), MaxNameBytes)
	case !utf8.ValidString(name):
		return Refuse(CodeMalformed, "the document name is not valid UTF-8")
	case strings.ContainsFunc(name, unicode.IsControl):
		return Refuse(CodeMalformed, "the document name has a control character")
	}
	for segment := range strings.SplitSeq(name, "/") {
		switch segment {
		case "":
			return Refuse(CodeMalformed, "the document name has an empty segment")
		case ".", "..":
			return Refuse(CodeMalformed, "the document name has a segment %q", segment)
		}
	}
	return nil
}
