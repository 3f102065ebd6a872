package trace

import "fmt"

// A Patch replaces a part of the text. Index and Deleted count UTF-16 code units of the text as the patches before it
// left it; Inserted goes in where the deleted part was.
type Patch struct {
	Index    int
	Deleted  int
	Inserted string
}

// A Txn is what one author did in one step. Its patches apply in order.
type Txn struct {
	Patches []Patch
	// Agent numbers the author from 0. It is 0 throughout a sequential history.
	Agent int
	// Parents holds the indexes of the transactions that the author had seen last, in ascending order. All that these
	// had seen, the author had seen too. It is nil throughout a sequential history, where each transaction follows the
	// one before it.
	Parents []int
}

// A Trace is one editing history. It is not changed by anything in this package once it has been read.
type Trace struct {
	// Name is the file's name without .json.gz, or "generated".
	Name string
	// Start is the text before the first transaction. It is empty in every concurrent history.
	Start string
	// End is the text after the last one. In a concurrent history it is the text that all replicas agree on when
	// their client ids ascend in the order of the agents.
	End string
	// Txns holds the transactions; each stands behind its parents.
	Txns []Txn
	// Agents is how many authors there are, at least 1.
	Agents int
	// Concurrent reports whether transactions name their parents.
	Concurrent bool
}

// Patches returns how many patches all transactions hold together.
func (t *Trace) Patches() int {
	n := 0
	for i := range t.Txns {
		n += len(t.Txns[i].Patches)
	}
	return n
}

// TextAfter returns the text after the first n transactions of a sequential history, made by splicing a plain buffer.
// It costs the whole replay. It fails on a concurrent history, whose text between transactions depends on the replica,
// and on a patch that lies outside the text.
func (t *Trace) TextAfter(n int) (string, error) {
	if t.Concurrent {
		return "", fmt.Errorf("text of trace %s after %d transactions: the history is concurrent", t.Name, n)
	}
	if n < 0 || n > len(t.Txns) {
		return "", fmt.Errorf("text of trace %s after %d transactions: it has %d", t.Name, n, len(t.Txns))
	}
	b := NewBuffer(t.Start)
	for i := range t.Txns[:n] {
		for _, p := range t.Txns[i].Patches {
			if err := b.Splice(p.Index, p.Deleted, p.Inserted); err != nil {
				return "", fmt.Errorf("replay transaction %d of trace %s: %w", i, t.Name, err)
			}
		}
	}
	return b.String(), nil
}
