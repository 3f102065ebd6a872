package crdt

// reader reads an encoded update struct by struct, straight from its bytes and
// without a document (Yjs: LazyStructReader). Whatever ApplyUpdate would refuse
// it refuses, for the same reason at the same offset, once it gets there.
type reader struct {
	src     source
	columns columns
	in      []byte
	part    part // the struct at hand

	clients uint64 // blocks to come
	left    int    // structs to come in this block
	structs int    // announced so far

	ids       []uint64            // of the blocks so far
	unordered map[uint64]struct{} // the same, once they do not descend any more
	seen      map[uint64]struct{} // clients that occur, where they may be too many

	last    cachedID // of the id read last
	keepRaw bool     // find out which parts are as Yjs would write them
	normal  bool     // the part being read is, so far

	values, json []byte // scratch
}

// open begins to read an update. A reader may be opened again and again.
func (r *reader) open(f format, update []byte) (err error) {
	r.in = update
	r.part.len, r.part.client = 0, 0
	r.left, r.structs = 0, 0
	r.last = cachedID{word: 1}
	r.ids, r.unordered, r.seen = r.ids[:0], nil, nil
	if len(update) > defaultLimits.Clients { // each takes a byte at the least
		r.seen = map[uint64]struct{}{}
	}
	limits := &defaultLimits
	if n := len(update) / 2; n > limits.Structs { // of V1 it cannot hold more
		wide := defaultLimits
		wide.Structs, limits = n, &wide
	}
	if r.src, err = f.source(update, limits, &r.columns); err != nil {
		return err
	}
	r.clients, err = r.src.clientCount()
	return err
}

// next moves to the next struct, Skip structs included, and reports whether
// there is one. After an error the reader must not be used.
func (r *reader) next() (bool, error) {
	for r.left == 0 {
		if r.clients == 0 {
			return false, nil
		}
		r.clients--
		if err := r.begin(); err != nil {
			return false, err
		}
	}
	r.left--
	r.part.clock += r.part.len
	if r.skim() {
		return true, nil
	}
	return true, r.read()
}

// nextStruct is next without Skip structs.
func (r *reader) nextStruct() (bool, error) {
	for {
		if more, err := r.next(); !more || err != nil || r.part.kind != kindSkip {
			return more, err
		}
	}
}

// begin reads what stands before the structs of a client.
func (r *reader) begin() (err error) {
	at := r.src.Offset()
	if r.left, err = r.src.structCount(r.structs); err != nil {
		return err
	}
	r.structs += r.left
	if r.part.client, err = r.src.client(); err != nil {
		return err
	}
	r.part.len = 0
	if r.part.clock, err = r.src.clockOrLen(); err != nil {
		return err
	}
	if err := r.count(r.part.client); err != nil {
		return err
	}
	if r.repeated(r.part.client) {
		return r.src.FailAt(at, "a client occurs twice")
	}
	return nil
}

// repeated notes the client of a block and reports whether it had one before.
func (r *reader) repeated(client uint64) bool {
	n := len(r.ids)
	r.ids = append(r.ids, client)
	if r.unordered == nil {
		if n == 0 || r.ids[n-1] > client {
			return false
		}
		r.unordered = make(map[uint64]struct{}, n)
		for _, id := range r.ids[:n] {
			r.unordered[id] = struct{}{}
		}
	}
	_, twice := r.unordered[client]
	r.unordered[client] = struct{}{}
	return twice
}

// descending reports whether the clients came in the order in which Yjs writes
// them, the highest first.
func (r *reader) descending() bool { return r.unordered == nil }

// count refuses more clients than there may be.
func (r *reader) count(client uint64) error {
	if r.seen == nil {
		return nil
	}
	r.seen[client] = struct{}{}
	if len(r.seen) > defaultLimits.Clients {
		return defaultLimits.tooManyClients()
	}
	return nil
}

// deletes reads the delete set, which follows the structs and ends the update,
// and hands its ranges to see in their order.
func (r *reader) deletes(see func(wireRange)) error {
	clients, err := r.src.deleteClients()
	if err != nil {
		return err
	}
	for range clients {
		client, n, err := r.src.beginDeletes()
		if err != nil {
			return err
		}
		if err := r.count(client); err != nil {
			return err
		}
		for range n {
			clock, length, err := r.src.deleteRange()
			if err != nil {
				return err
			}
			see(wireRange{client, clock, length})
		}
	}
	if r.src.Len() > 0 {
		return r.src.Fail("trailing bytes after the update")
	}
	return nil
}
