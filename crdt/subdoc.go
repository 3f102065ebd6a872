package crdt

import (
	"crypto/rand"
	"encoding/hex"

	"github.com/weftsync/weft/crdt/lib0"
)

// Subdoc is a document inside a document, by reference: a value of an array or
// a map that names another document by its GUID, under which a replica gets
// its content from wherever it gets documents. What is in it is no part of the
// document around it.
//
// Who inserts a Subdoc has the document. Another replica loads it when its
// program asks for it, or at once if AutoLoad is set (Yjs: shouldLoad, which
// does not travel, is autoLoad where a subdocument is received).
type Subdoc struct {
	GUID        string
	KeepDeleted bool // Yjs: gc false
	AutoLoad    bool
	Meta        any // nil for none
}

// identity is what a document says of itself to others.
type identity struct {
	guid       string
	collection string
	meta       any
	autoLoad   bool
}

// GUID returns the name of the document among all documents: that of the
// Options, else a random UUID (Yjs: guid).
func (d *Doc) GUID() string {
	if d.identity.guid == "" {
		var b [16]byte
		rand.Read(b[:])
		b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
		h := hex.EncodeToString(b[:])
		d.identity.guid = h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
	}
	return d.identity.guid
}

// CollectionID returns that of the Options (Yjs: collectionid).
func (d *Doc) CollectionID() string { return d.identity.collection }

// Subdoc returns the value that stands for the document inside another one.
func (d *Doc) Subdoc() Subdoc {
	return Subdoc{GUID: d.GUID(), KeepDeleted: d.keepDeleted, AutoLoad: d.identity.autoLoad, Meta: d.identity.meta}
}

func (s Subdoc) encode() ([]byte, error) {
	var o Object
	if s.KeepDeleted {
		o = append(o, Field{"gc", false})
	}
	o = append(o, Field{"autoLoad", s.AutoLoad}, Field{"meta", s.Meta})
	return appendSubdocOptions(lib0.AppendBytes(nil, wtf8(s.GUID)), o)
}

func (d *Doc) subdoc(it *item) Subdoc {
	dec := lib0.NewDecoder(d.blobs[it.content:])
	guid, _ := dec.Bytes()
	s := Subdoc{GUID: validString(guid)}
	o, _ := decodeValue(dec.Rest()).(Object)
	for _, f := range o {
		switch f.Key {
		case "gc":
			s.KeepDeleted = true
		case "autoLoad":
			s.AutoLoad = true
		case "meta":
			s.Meta = f.Value
		}
	}
	return s
}

// canonicalSubdocOptions reads the options of a subdocument and appends them
// as Yjs would write them after making a document of them.
func canonicalSubdocOptions(dst []byte, dec *lib0.Decoder) ([]byte, error) {
	at := dec.Offset()
	raw, err := lib0.CanonicalAny(nil, dec)
	if err != nil {
		return dst, err
	}
	o, ok := decodeValue(raw).(Object)
	if !ok {
		return dst, dec.FailAt(at, "options of a subdocument are not an object")
	}
	return appendSubdocOptions(dst, o)
}

// appendSubdocOptions appends the options of a subdocument as Yjs writes them:
// what differs from the default, in a fixed order.
func appendSubdocOptions(b []byte, o Object) ([]byte, error) {
	var out Object
	get := func(key string) (any, bool) {
		for _, f := range o {
			if f.Key == key && f.Value != Undefined {
				return f.Value, true
			}
		}
		return nil, false
	}
	if gc, ok := get("gc"); ok && !truthy(gc) {
		out = append(out, Field{"gc", false})
	}
	if auto, _ := get("autoLoad"); truthy(auto) {
		out = append(out, Field{"autoLoad", true})
	}
	if meta, _ := get("meta"); meta != nil {
		out = append(out, Field{"meta", meta})
	}
	return appendValue(b, out)
}
