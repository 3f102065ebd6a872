package crdt_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/weftsync/weft/crdt/crdttest"
)

// cluster is replicas that edit and talk over an unreliable network.
type cluster struct {
	random   *rand.Rand
	network  *crdttest.Network[[]byte]
	replicas []*crdttest.Replica
	ops      func() []crdttest.Op
}

func newCluster(seed uint64, nodes int, c crdttest.Conditions) *cluster {
	random := rand.New(rand.NewPCG(seed, 1))
	cl := &cluster{
		random: random, network: crdttest.NewNetwork[[]byte](nodes, c, random), ops: crdttest.Transactions(seed),
	}
	for i := range nodes {
		spec := crdttest.DocSpec{Client: uint64(i)<<33 + 5, Collect: seed%4 != 0}
		cl.replicas = append(cl.replicas, crdttest.NewReplica(spec, []string{"t", "a", "m", "x"}))
	}
	return cl
}

// live lets the replicas edit and deliver for a number of steps.
func (c *cluster) live(steps int) error {
	for range steps {
		node := c.random.IntN(len(c.replicas))
		switch c.random.IntN(20) {
		case 0:
			c.network.Shake()
		case 1, 2, 3, 4, 5, 6, 7:
			update, err := c.replicas[node].Edit(c.ops()...)
			if err != nil {
				return fmt.Errorf("edit at node %d: %w", node, err)
			}
			if update != nil {
				c.network.Send(node, update)
			}
		default:
			if err := c.deliver(node, 3); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *cluster) deliver(node, most int) error {
	for range most {
		update, ok := c.network.Next(node)
		if !ok {
			return nil
		}
		if _, err := c.replicas[node].Apply(update, &crdttest.Entry{}); err != nil {
			return fmt.Errorf("apply at node %d: %w\n%s", node, err, crdttest.Describe(update))
		}
	}
	return nil
}

// settle delivers what is under way, then lets each ask node 0 for what it
// misses, and node 0 each of them.
func (c *cluster) settle() error {
	c.network.Heal()
	for node := range c.replicas {
		if err := c.deliver(node, 1<<30); err != nil {
			return err
		}
	}
	for range 2 {
		for node := 1; node < len(c.replicas); node++ {
			for _, pair := range [][2]int{{node, 0}, {0, node}} {
				to, from := c.replicas[pair[0]], c.replicas[pair[1]]
				update, err := from.Doc.EncodeStateAsUpdate(to.Doc.EncodeStateVector())
				if err != nil {
					return err
				}
				if _, err := to.Apply(update, &crdttest.Entry{}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// differs says how the replicas differ, nil if they do not.
func (c *cluster) differs() error {
	first := c.replicas[0]
	for i, r := range c.replicas {
		if got, want := r.Doc.EncodeStateVector(), first.Doc.EncodeStateVector(); !bytes.Equal(got, want) {
			return fmt.Errorf("state vector of node %d is %x, of node 0 %x", i, got, want)
		}
		for _, root := range r.Roots {
			got, want := crdttest.Canonical(rootHandle(r.Doc, root)), crdttest.Canonical(rootHandle(first.Doc, root))
			if got != want {
				return fmt.Errorf("root %s of node %d is %s, of node 0 %s", root, i, got, want)
			}
		}
	}
	return nil
}

// TestNetwork lets replicas live on a network that reorders, repeats, drops and
// partitions, and expects them to be equal once each has asked for what it
// misses. The control does not ask, and has to differ now and then.
func TestNetwork(t *testing.T) {
	apart := 0
	const seeds = 600
	for seed := range uint64(seeds) {
		c := newCluster(seed, 2+int(seed%6), crdttest.Conditions{Drop: 10, Repeat: 20, Reorder: 40, Partition: 40})
		if err := c.live(150); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if c.differs() != nil {
			apart++
		}
		if err := c.settle(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if err := c.differs(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
	if apart < seeds/2 {
		t.Errorf("only %d of %d networks left their nodes apart: they are too kind to test anything", apart, seeds)
	}
}
