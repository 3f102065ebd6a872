package crdttest

import "math/rand/v2"

// Conditions are what a Network does to messages, each in percent.
type Conditions struct {
	Drop      int // a message to one node is lost
	Repeat    int // a message to one node arrives twice
	Reorder   int // a delivery takes any waiting message instead of the oldest
	Partition int // a Shake splits the nodes in two; otherwise it joins them
}

// Network carries messages between numbered nodes and is as unreliable as its
// conditions say. What happens depends on the random source alone, so a seed
// repeats it. Nothing is delivered by itself: the caller asks for the next
// message of a node.
type Network[M any] struct {
	conditions Conditions
	random     *rand.Rand
	waiting    [][]M  // by node
	side       []bool // of the partition
	split      bool
}

// NewNetwork returns a network of n nodes. It draws from random.
func NewNetwork[M any](n int, c Conditions, random *rand.Rand) *Network[M] {
	return &Network[M]{conditions: c, random: random, waiting: make([][]M, n), side: make([]bool, n)}
}

func (n *Network[M]) chance(percent int) bool { return n.random.IntN(100) < percent }

// Send sends a message from one node to every other. What a partition keeps
// from a node is lost to it, as what is dropped is: nodes have to ask for what
// they miss.
func (n *Network[M]) Send(from int, m M) {
	for to := range n.waiting {
		if to == from || n.split && n.side[to] != n.side[from] || n.chance(n.conditions.Drop) {
			continue
		}
		n.waiting[to] = append(n.waiting[to], m)
		if n.chance(n.conditions.Repeat) {
			n.waiting[to] = append(n.waiting[to], m)
		}
	}
}

// Next takes a message that waits for a node.
func (n *Network[M]) Next(node int) (m M, ok bool) {
	queue := n.waiting[node]
	if len(queue) == 0 {
		return m, false
	}
	i := 0
	if n.chance(n.conditions.Reorder) {
		i = n.random.IntN(len(queue))
	}
	m = queue[i]
	n.waiting[node] = append(queue[:i:i], queue[i+1:]...)
	return m, true
}

// Waiting returns how many messages wait for a node.
func (n *Network[M]) Waiting(node int) int { return len(n.waiting[node]) }

// Shake partitions the nodes anew, or joins them.
func (n *Network[M]) Shake() {
	n.split = n.chance(n.conditions.Partition)
	for i := range n.side {
		n.side[i] = n.random.IntN(2) == 0
	}
}

// Heal joins the nodes and stops all trouble from here on.
func (n *Network[M]) Heal() {
	n.split = false
	n.conditions = Conditions{}
}
