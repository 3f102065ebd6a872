package crdt

// DecodeValue returns the Go form of a canonical value.
func DecodeValue(v []byte) any { return decodeValue(v) }

// Scanned returns how many items all conflict scans of the document have
// passed, and how many scans there were, together.
func (d *Doc) Scanned() uint32 { return d.seen.next }
