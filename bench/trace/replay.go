package trace

import "fmt"

// A Replica is one author's copy of the document while a history is replayed.
type Replica interface {
	// Edit makes one transaction of the patches and returns its update. The caller keeps the update.
	Edit(patches []Patch) (update []byte, err error)
	// Apply takes in an update that another replica made.
	Apply(update []byte) error
}

// version counts, for each agent, how many of its transactions are known. It names a set of transactions exactly,
// because every agent has seen its own earlier ones.
type version []int

// Replay replays the whole history with one replica for each agent, which open makes, and returns the replicas when
// each has everything. Before an author's transaction its replica receives what the author had seen, and only that, in
// the order of the history. open puts Start into the replica by itself, if there is one.
//
// It fails when a replica does, and when an author went back to an older version of the document, for which one
// replica an agent is not enough.
func (t *Trace) Replay(open func(agent int) (Replica, error)) ([]Replica, error) {
	r := &replay{trace: t, byAgent: make([][]int, t.Agents), known: make([]version, t.Agents), updates: make([][]byte, len(t.Txns))}
	for a := range t.Agents {
		replica, err := open(a)
		if err != nil {
			return nil, fmt.Errorf("open replica of agent %d: %w", a, err)
		}
		r.replicas = append(r.replicas, replica)
		r.known[a] = make(version, t.Agents)
	}
	versions := make([]version, len(t.Txns))
	for i := range t.Txns {
		versions[i] = r.seenBefore(i, versions)
		if err := r.step(i, versions[i]); err != nil {
			return nil, fmt.Errorf("replay transaction %d of trace %s: %w", i, t.Name, err)
		}
		versions[i][t.Txns[i].Agent]++
	}
	everything := make(version, t.Agents)
	for a := range everything {
		everything[a] = len(r.byAgent[a])
	}
	for a := range r.replicas {
		if err := r.deliver(a, everything); err != nil {
			return nil, fmt.Errorf("bring the replica of agent %d up to date: %w", a, err)
		}
	}
	return r.replicas, nil
}

type replay struct {
	trace    *Trace
	replicas []Replica
	byAgent  [][]int   // indexes of each agent's transactions so far
	known    []version // what each replica has
	updates  [][]byte  // by transaction
}

// seenBefore returns what the author of transaction i had seen: all that its parents had, and the parents.
func (r *replay) seenBefore(i int, versions []version) version {
	if !r.trace.Concurrent {
		seen := make(version, r.trace.Agents)
		seen[0] = i
		return seen
	}
	seen := make(version, r.trace.Agents)
	for _, p := range r.trace.Txns[i].Parents {
		for a, n := range versions[p] {
			seen[a] = max(seen[a], n)
		}
	}
	return seen
}

func (r *replay) step(i int, seen version) error {
	txn := &r.trace.Txns[i]
	for a, n := range r.known[txn.Agent] {
		if n > seen[a] {
			return fmt.Errorf("agent %d went back: it had %d transactions of agent %d and builds on %d", txn.Agent, n, a, seen[a])
		}
	}
	if err := r.deliver(txn.Agent, seen); err != nil {
		return err
	}
	update, err := r.replicas[txn.Agent].Edit(txn.Patches)
	if err != nil {
		return fmt.Errorf("edit: %w", err)
	}
	if r.trace.Agents > 1 {
		r.updates[i] = update
	}
	r.byAgent[txn.Agent] = append(r.byAgent[txn.Agent], i)
	r.known[txn.Agent][txn.Agent]++
	return nil
}

// deliver gives a replica the transactions of a version that it lacks, in the order of the history.
func (r *replay) deliver(agent int, seen version) error {
	known := r.known[agent]
	for {
		next, from := -1, -1
		for a := range known {
			if known[a] < seen[a] && (next < 0 || r.byAgent[a][known[a]] < next) {
				next, from = r.byAgent[a][known[a]], a
			}
		}
		if next < 0 {
			return nil
		}
		if err := r.replicas[agent].Apply(r.updates[next]); err != nil {
			return fmt.Errorf("apply transaction %d: %w", next, err)
		}
		known[from]++
	}
}
