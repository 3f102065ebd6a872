package crdt

// The short way of loading V2, the counterpart of decodeQuick: the columns are
// read one after the other, for as many structs at once as a batch holds.

// batch is what columns say of structs that are ASCII text, or deleted, and name
// their neighbours.
type batch struct {
	infos   [batchLen]byte
	clients [2 * batchLen]uint64 // of left and right origins, as they occur
	lefts   [batchLen]int64
	rights  [batchLen]int64
	texts   [batchLen]uint64 // lengths of strings
	lens    [batchLen]uint64 // of deleted runs
	slow    int              // structs to be read the long way before the next batch
}

const (
	batchLen   = 64
	leastBatch = 16 // structs of a client, or it does not pay
)

// quickInfos are the infos of such structs.
var quickInfos = func() (quick [256]bool) {
	for _, k := range []kind{kindString, kindDeleted} {
		for _, origins := range []byte{infoOrigin, infoRight, infoOrigin | infoRight} {
			quick[origins|byte(k)], quick[origins|infoKey|byte(k)] = true, true
		}
	}
	return quick
}()

// decodeBatch reads structs of client c that begin at clock, as long as they are
// of these. It returns how many they were and the clock after them. If anything
// is wrong with one of them it has read none: they are for decodeStruct.
func (d *Doc) decodeBatch(u *decoded, v2 *columns, c, clock uint32, most int) (int, uint32) {
	if !v2.strings.ASCII() || d.clients[c].next > clock {
		return 0, clock
	}
	if v2.batch == nil {
		v2.batch = new(batch)
	}
	b := v2.batch
	if b.slow > 0 {
		b.slow--
		return 0, clock
	}
	before := *v2
	n := v2.infos.ReadAmong(b.infos[:min(most, batchLen)], &quickInfos)
	if n == 0 {
		return 0, clock
	}
	first := len(u.refs)
	text, ok := b.read(v2, n)
	end := clock
	if ok {
		end, ok = d.fillBatch(u, b, n, c, clock)
	}
	if !ok {
		for _, r := range u.refs[first:] {
			d.release(r)
		}
		u.refs = u.refs[:first]
		*v2 = before
		b.slow = n - 1
		return 0, clock
	}
	d.text = append(d.text, text...)
	return n, end
}

// read reads what belongs to the first n infos. It returns the text of all of
// them together, and false if a column is damaged.
func (b *batch) read(v2 *columns, n int) (text []byte, ok bool) {
	lefts, rights, texts := 0, 0, 0
	for _, info := range b.infos[:n] {
		lefts += int(info >> 7)
		rights += int(info >> 6 & 1)
		if kind(info&31) == kindString {
			texts++
		}
	}
	if v2.clients.ReadAll(b.clients[:lefts+rights]) != nil || v2.leftClocks.ReadAll(b.lefts[:lefts]) != nil ||
		v2.rightClocks.ReadAll(b.rights[:rights]) != nil || v2.lens.ReadAll(b.lens[:n-texts]) != nil {
		return nil, false
	}
	text, err := v2.strings.ReadASCII(b.texts[:texts])
	return text, err == nil
}

// fillBatch makes items of the first n structs of a batch. Their text is yet to
// be appended.
func (d *Doc) fillBatch(u *decoded, b *batch, n int, c, clock uint32) (end uint32, ok bool) {
	lefts, rights, texts, deleted := 0, 0, 0, 0
	last, lastID := c, d.clients[c].id
	content := uint32(len(d.text))
	// origin returns the number of the next client, if that of an operation
	// which may be an origin of the struct at hand.
	origin := func(at int64) (uint32, bool) {
		if id := b.clients[lefts+rights]; id != lastID {
			number, err := d.decodeClient(id)
			if err != nil {
				return 0, false
			}
			last, lastID = number, id
		}
		return last, at >= 0 && at <= maxClock && (last != c || at < int64(clock))
	}
	for _, info := range b.infos[:n] {
		r, it := d.alloc()
		u.refs = append(u.refs, r)
		k := kind(info & 31)
		it.bits, it.clock = c<<clientShift|uint32(k), clock
		if info&infoOrigin != 0 {
			if it.originClient, ok = origin(b.lefts[lefts]); !ok {
				return 0, false
			}
			it.originClock = uint32(b.lefts[lefts])
			lefts++
		}
		if info&infoRight != 0 {
			if it.rightClient, ok = origin(b.rights[rights]); !ok {
				return 0, false
			}
			it.rightClock = uint32(b.rights[rights])
			rights++
		}
		size := uint64(0)
		if k == kindString {
			size = b.texts[texts]
			texts++
			it.content = content
			content += uint32(size)
		} else {
			size = b.lens[deleted]
			deleted++
		}
		if size == 0 || size > uint64(maxClock-clock) {
			return 0, false
		}
		it.len = uint32(size)
		clock = it.end()
	}
	return clock, true
}
