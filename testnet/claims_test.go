package testnet_test

import (
	"context"
	"encoding/binary"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"cairn/consensus"
	"cairn/node/api"
	"cairn/testnet"
)

// liar is a foe at a member's place that claims to have ever more work and gives no block.
type liar struct {
	*foe
	host.Host
	tips  atomic.Uint64
	asked chan struct{} // closed when somebody has asked for what it claims
	once  sync.Once
}

// newLiar takes the place of a member whose process has ended, with its key and at its address.
func newLiar(t *testing.T, of, victim *process, chain *api.ChainStatus) *liar {
	t.Helper()
	at, err := peer.AddrInfoFromString(of.status.Listen.P2P[0])
	if err != nil {
		t.Fatal(err)
	}
	l := &liar{foe: newFoe(t, "a liar", victim, chain, of.dir, 0), asked: make(chan struct{})}
	if l.Host = l.host(t, true, libp2p.ListenAddrs(at.Addrs...)); l.Host == nil {
		t.FailNow()
	}
	t.Cleanup(func() { l.Host.Close() })
	l.SetStreamHandler(l.protocol("status"), func(s network.Stream) {
		_, _ = io.ReadFull(s, make([]byte, 4))
		_, _ = s.Write(l.claim())
		_ = s.CloseWrite()
		_, _ = io.Copy(io.Discard, s)
	})
	l.SetStreamHandler(l.protocol("blocks"), func(s network.Stream) {
		l.once.Do(func() { close(l.asked) })
		_, _ = io.Copy(io.Discard, s)
	})
	return l
}

// claim is a status with another tip each time.
func (l *liar) claim() []byte {
	var tip consensus.Hash
	binary.BigEndian.PutUint64(tip[24:], l.tips.Add(1))
	return l.status(tip)
}

// besiege tells the victim claims until the test ends.
func (l *liar) besiege(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if l.Connect(ctx, l.victim) == nil {
				l.greet(ctx, l.Host, l.claim())
			}
			rest(ctx, blockTime)
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
}

// A node that starts again among the claims of a hostile member sends as if there were none.
func TestRestartAmidHostileClaims(t *testing.T) {
	inCI(t)
	t.Parallel()
	a, b := newPair(t)
	c := newProcess(t, "charlie.test", share, a)
	members(3, a, b, c)
	chain, err := c.ChainStatus(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.stop()
	b.kill()
	l := newLiar(t, c, b, chain)
	b.start()
	began := time.Now()
	l.besiege(t)
	select {
	case <-l.asked:
	case <-time.After(settle):
		t.Fatal("nobody asked for what is claimed")
	}
	raw := testnet.Compose("bob@bravo.test", "alice@alpha.test", "besieged", "all the same\n")
	if err := testnet.SendOne(b.status.Listen.Submission, "bob@bravo.test", "alice@alpha.test", raw); err != nil {
		t.Fatal(err)
	}
	a.await("the mail", func(*api.Status) bool { return a.count("subject:besieged") == 1 })
	t.Logf("arrived %v after the start", time.Since(began))
	if late := time.Since(began); late > 10*time.Second {
		t.Errorf("the mail arrived %v after the start", late)
	}
	a.await("its verdict", func(*api.Status) bool { return a.count("subject:besieged verdict:verified") == 1 })
}
