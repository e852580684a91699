package p2p

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
)

// copied gathers what a host is told of copies of itself.
type copied struct {
	mu   sync.Mutex
	list []Copy
}

func (c *copied) hear(of Copy) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, of)
}

func (c *copied) of(i Instance, silent bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, x := range c.list {
		if x.Instance == i && x.Silent == silent {
			return true
		}
	}
	return false
}

func (c *copied) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.list)
}

// Two processes with one key learn from a peer of both that there are two, and the peer knows it.
// One that has ended is not taken for a copy of the one that follows it.
func TestCopies(t *testing.T) {
	net := chaintest.New(2)
	a := start(t, net, 0, setup{})
	var first, second, third copied
	var silent atomic.Bool
	b := start(t, net, 1, setup{bootstrap: a.Addrs(), copied: first.hear})
	eventually(t, "the first one is heard", func() bool { return a.heard(b.Instance()) })
	b.stop()
	c := start(t, net, 1, setup{bootstrap: a.Addrs(), copied: second.hear, silent: silent.Load})
	eventually(t, "the second one is heard, and names the first", func() bool { return a.naming(c.Instance(), b.Instance()) })
	if first.count()+second.count() > 0 || len(a.Twice()) > 0 {
		t.Fatalf("one after the other: %v, %v, %v", first.list, second.list, a.Twice())
	}
	d := start(t, net, 1, setup{bootstrap: a.Addrs(), copied: third.hear})
	eventually(t, "both know of each other", func() bool { return second.of(d.Instance(), false) && third.of(c.Instance(), false) })
	eventually(t, "the peer knows", func() bool { return len(a.Twice()) == 1 && a.Twice()[0] == b.self })
	silent.Store(true)
	eventually(t, "the third knows that the second is silent", func() bool { return third.of(c.Instance(), true) })
	if second.of(d.Instance(), true) {
		t.Error("the third never was")
	}
	was := d.Instance()
	d.Rename()
	eventually(t, "the second knows the other name", func() bool { return second.of(d.Instance(), false) && d.Instance() != was })
}

// heard reports whether an instance of any key was heard here.
func (n *node) heard(i Instance) bool {
	n.instances.mu.Lock()
	defer n.instances.mu.Unlock()
	for _, list := range n.instances.byPeer {
		for _, s := range list {
			if s.Instance == i {
				return true
			}
		}
	}
	return false
}

func (n *node) naming(i, other Instance) bool {
	n.instances.mu.Lock()
	defer n.instances.mu.Unlock()
	for _, list := range n.instances.byPeer {
		for _, s := range list {
			if s.Instance == i && s.Seen == other {
				return true
			}
		}
	}
	return false
}

// What a peer makes up, or repeats from before this process began, proves nothing.
func TestMadeUpCopies(t *testing.T) {
	net := chaintest.New(2)
	var told copied
	h := start(t, net, 0, setup{copied: told.hear})
	liar := &remote{key: consensus.PublicKey(net.Orgs[1].Node)}
	sign := func(key ed25519.PrivateKey, chain consensus.ChainID, seen Instance) *sighting {
		s := &sighting{Instance: Instance{7}, Seen: seen}
		copy(s.Sig[:], ed25519.Sign(key, s.signedBytes(chain)))
		return s
	}
	own, us := net.Orgs[0].Node, h.Instance()
	turned := sign(own, h.chainID, us)
	turned.Silent = true
	mine := &sighting{Instance: us, Seen: us}
	copy(mine.Sig[:], ed25519.Sign(own, mine.signedBytes(h.chainID)))
	for why, s := range map[string]*sighting{
		"signed by another key":        sign(net.Orgs[1].Node, h.chainID, us),
		"of another network":           sign(own, h.chainID+1, us),
		"altered":                      turned,
		"our own":                      mine,
		"of before this process began": sign(own, h.chainID, Instance{9}),
	} {
		h.heardOf(liar, []*sighting{s})
		if told.count() > 0 {
			t.Errorf("a sighting that is %s counts", why)
		}
	}
	h.heardOf(liar, []*sighting{sign(own, h.chainID, us)})
	if !told.of(Instance{7}, false) {
		t.Error("a true one does not count")
	}
	h.Rename()
	h.heardOf(liar, []*sighting{sign(own, h.chainID, us)})
	if told.count() != 1 {
		t.Error("one of an earlier name counts")
	}
}

// A host keeps few instances of a key, and none for long.
func TestInstancesAreBounded(t *testing.T) {
	l, now := newInstances(), time.Now()
	for i := range byte(10) {
		others, _ := l.hear("p", false, &sighting{Instance: Instance{i}}, "", now)
		if len(others) > maxInstances {
			t.Fatalf("%d others", len(others))
		}
	}
	if n := len(l.byPeer["p"]); n != maxInstances || l.byPeer["p"][0].Instance != (Instance{9}) {
		t.Errorf("%d kept", n)
	}
	if others, _ := l.hear("p", false, &sighting{Instance: Instance{9}}, "", now.Add(livingFor)); len(others) != maxInstances-1 {
		t.Errorf("%d others within their time", len(others))
	}
	if others, _ := l.hear("p", false, &sighting{Instance: Instance{1}}, "", now.Add(livingFor+1)); len(others) != 1 {
		t.Errorf("%d others after their time", len(others))
	}
	l.forget(now.Add(3 * livingFor))
	if len(l.byPeer) != 0 {
		t.Error("forgotten too late")
	}
}

func TestSightingEncoding(t *testing.T) {
	s := &sighting{Instance: Instance{1}, Seen: Instance{2}, Silent: true, Sig: [64]byte{3}}
	got, err := decodeSighting(s.encode())
	if err != nil || *got != *s || len(s.encode()) != sightingSize {
		t.Errorf("%+v (%v)", got, err)
	}
	bad := s.encode()
	bad[32] = 2
	for _, b := range [][]byte{nil, bad, append(s.encode(), 0)} {
		if _, err := decodeSighting(b); !errors.Is(err, errMalformed) {
			t.Errorf("%x: %v", b, err)
		}
	}
	if _, err := readSightings(bytes.NewReader([]byte{maxInstances + 1})); !errors.Is(err, errMalformed) {
		t.Errorf("too many: %v", err)
	}
}

// However many strangers there are, members are heard.
func TestInstancesOfMembers(t *testing.T) {
	l, now := newInstances(), time.Now()
	for i := range maxTold {
		l.hear(peer.ID(fmt.Sprint("stranger ", i)), false, &sighting{Instance: Instance{1}}, "", now)
	}
	one, two := Instance{1}, Instance{2}
	l.hear("member", true, &sighting{Instance: one, Seen: two}, "", now)
	if others, twice := l.hear("member", true, &sighting{Instance: two, Seen: one}, "", now); len(others) != 1 || !twice {
		t.Errorf("%d others, twice: %v", len(others), twice)
	}
}

// A line about two processes of a node is one about a peer: whoever makes keys, and says of each
// that it is there twice, fills no log.
func TestCopiesOfStrangersFillNoLog(t *testing.T) {
	n := start(t, chaintest.New(1), 0, setup{})
	f := newFoe(t, n)
	later := time.Now().Add(peerLines.Gap * 1000)
	for range peerLines.Lines {
		n.peerLog.of(false, later) // the credit is used up
	}
	for _, s := range []*sighting{{Instance: Instance{1}, Seen: Instance{2}}, {Instance: Instance{2}, Seen: Instance{1}}} {
		sig, err := f.Peerstore().PrivKey(f.ID()).Sign(s.signedBytes(n.chainID))
		if err != nil {
			t.Fatal(err)
		}
		copy(s.Sig[:], sig)
		f.send(n.names.instance, s.encode())
		eventually(t, "the sighting is heard", func() bool { return n.heard(s.Instance) })
	}
	eventually(t, "the line takes of the credit of strangers", func() bool {
		var told bytes.Buffer
		later = later.Add(peerLines.Gap * 1000)
		n.peerLog.strangers.Of(slog.New(slog.NewTextHandler(&told, nil)), later).Info("the next line")
		return strings.Contains(told.String(), "lines_left_out=1")
	})
}
