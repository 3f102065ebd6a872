package crdt

// DecodeValue returns the Go form of a canonical value.
func DecodeValue(v []byte) any { return decodeValue(v) }

// IndexFinely is IndexUpdate with so many structs from mark to mark, however large the index is.
func IndexFinely(update []byte, gap int) (*UpdateIndex, error) {
	return indexUpdate(update, gap, 1<<30)
}

// MergeReading is MergeUpdates that reads every struct twice, and MergeCopying copies what it can of every update.
func MergeReading(updates ...[]byte) ([]byte, error) {
	return (&merger{updates: updates, copyFrom: 1 << 60}).merge()
}

func MergeCopying(updates ...[]byte) ([]byte, error) { return (&merger{updates: updates}).merge() }

// IsIndexed reports whether there is an index, and not the update alone.
func (ix *UpdateIndex) IsIndexed() bool { return !ix.none }

// Scanned returns how many items all conflict scans of the document have
// passed, and how many scans there were, together.
func (d *Doc) Scanned() uint32 { return d.seen.next }

// AlwaysOrder makes the document settle every conflict by an order.
func (d *Doc) AlwaysOrder() { d.shortScan = 0 }

// NeverOrder makes the document settle every conflict by a scan, as in Yjs.
func (d *Doc) NeverOrder() { d.shortScan = maxScan }

// Orders returns how many orders the document keeps, and in how many lists lines
// to origins cross.
func (d *Doc) Orders() (kept, crossed int) {
	for _, b := range d.branches {
		if b == nil {
			continue
		}
		for _, c := range b.conflicts {
			if c.crossed {
				crossed++
			}
		}
	}
	return d.kept, crossed
}

// TryAll makes the document try all that waits, as Yjs does.
func (d *Doc) TryAll() { d.tryAll = true }

// SetLandmarks makes the document set a landmark every gap items; none if gap
// is 0.
func (d *Doc) SetLandmarks(gap int) {
	if d.landmarkGap = gap; gap == 0 {
		d.landmarkGap = maxScan
	}
}
