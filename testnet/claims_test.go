package testnet_test

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"

	"cairn/node/api"
	"cairn/testnet"
)

// liar is a member's node that claims to have ever more work and gives no block.
type liar struct {
	host.Host
	chain   string
	genesis []byte
	tips    atomic.Uint64
	asked   chan struct{} // closed when somebody has asked for what it claims
	once    sync.Once
}

// newLiar takes the place of a member whose process has ended, with its key and at its address.
func newLiar(t *testing.T, of *process, chain *api.ChainStatus) *liar {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(of.dir, "keys", "node.pem"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(raw)
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	key, err := crypto.UnmarshalEd25519PrivateKey(parsed.(ed25519.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	at, err := peer.AddrInfoFromString(of.status.Listen.P2P[0])
	if err != nil {
		t.Fatal(err)
	}
	h, err := libp2p.New(libp2p.Identity(key), libp2p.ListenAddrs(at.Addrs...), libp2p.NoTransports, libp2p.Transport(tcp.NewTCPTransport), libp2p.DisableMetrics())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	genesis, err := hex.DecodeString(chain.Genesis)
	if err != nil {
		t.Fatal(err)
	}
	l := &liar{Host: h, chain: chain.ChainID, genesis: genesis, asked: make(chan struct{})}
	h.SetStreamHandler(l.protocol("status"), func(s network.Stream) {
		_, _ = io.ReadFull(s, make([]byte, 4))
		_, _ = s.Write(l.claim())
		_ = s.CloseWrite()
		_, _ = io.Copy(io.Discard, s)
	})
	h.SetStreamHandler(l.protocol("blocks"), func(s network.Stream) {
		l.once.Do(func() { close(l.asked) })
		_, _ = io.Copy(io.Discard, s)
	})
	return l
}

// protocol names a stream (doc/protocol.md, Streams).
func (l *liar) protocol(name string) protocol.ID {
	return protocol.ID(fmt.Sprintf("/cairn/%s/%s/1", l.chain, name))
}

// claim is a status, framed, with another tip each time.
func (l *liar) claim() []byte {
	id, _ := hex.DecodeString(l.chain)
	b := append(binary.BigEndian.AppendUint16(nil, 1), id...)
	b = append(b, l.genesis...)
	b = append(b, make([]byte, 24)...)
	b = binary.BigEndian.AppendUint64(b, l.tips.Add(1)) // the end of the tip's ID
	b = binary.BigEndian.AppendUint64(b, 1<<40)         // height
	b = append(append(b, 1), make([]byte, 31)...)       // work
	b = append(b, 0, 0)                                 // no address
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)
}

// besiege tells a node claims until the test ends.
func (l *liar) besiege(t *testing.T, p *process) {
	at, err := peer.AddrInfoFromString(p.status.Listen.P2P[0])
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(blockTime)
		defer tick.Stop()
		for ctx.Err() == nil {
			if l.Connect(ctx, *at) == nil {
				if s, err := l.NewStream(ctx, at.ID, l.protocol("status")); err == nil {
					_, _ = s.Write(l.claim())
					_ = s.Close()
				}
			}
			select {
			case <-ctx.Done():
			case <-tick.C:
			}
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
	l := newLiar(t, c, chain)
	b.start()
	began := time.Now()
	l.besiege(t, b)
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
