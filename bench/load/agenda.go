package load

// A deed is what is to be done at a time.
type deed struct {
	at   int64 // nanoseconds of the session's clock
	what func(at int64) error
	conn int // the connection that edits, or moves its cursor, when what is nil
	kind deedKind
}

type deedKind uint8

const (
	deedEdit deedKind = iota
	deedCursor
)

// An agenda is a heap of deeds by time.
type agenda struct{ deeds []deed }

func (a *agenda) add(d deed) {
	a.deeds = append(a.deeds, d)
	for i := len(a.deeds) - 1; i > 0; {
		parent := (i - 1) / 2
		if a.deeds[parent].at <= a.deeds[i].at {
			break
		}
		a.deeds[parent], a.deeds[i] = a.deeds[i], a.deeds[parent]
		i = parent
	}
}

// next returns when the first deed is due, and whether there is one.
func (a *agenda) next() (at int64, ok bool) {
	if len(a.deeds) == 0 {
		return 0, false
	}
	return a.deeds[0].at, true
}

// take removes the first deed.
func (a *agenda) take() deed {
	first := a.deeds[0]
	last := len(a.deeds) - 1
	a.deeds[0] = a.deeds[last]
	a.deeds[last] = deed{}
	a.deeds = a.deeds[:last]
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			break
		}
		if child+1 < last && a.deeds[child+1].at < a.deeds[child].at {
			child++
		}
		if a.deeds[i].at <= a.deeds[child].at {
			break
		}
		a.deeds[i], a.deeds[child] = a.deeds[child], a.deeds[i]
		i = child
	}
	return first
}

func (a *agenda) clear() { a.deeds = a.deeds[:0] }
