package p2p

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"cairn/consensus"
)

// Instance is the random name of one running process. Two with one node key are copies of one node,
// which only a peer of both can tell.
type Instance [16]byte

// String returns the name in hexadecimal digits.
func (i Instance) String() string { return hex.EncodeToString(i[:]) }

// sighting is what a process says of itself: who it is, and which other process with its key it has
// been told of last. Signed with the node key, so that peers can pass it on but not make it up. A
// sighting that names an instance was made after that one began: whoever reads its own name in it
// knows that a copy was alive since, whatever their clocks say.
type sighting struct {
	Instance Instance
	Seen     Instance // zero: none
	Silent   bool     // it signs nothing, until its administrator says that it stays
	Sig      [ed25519.SignatureSize]byte
}

const sightingSize = 16 + 16 + 1 + ed25519.SignatureSize

func (s *sighting) content() []byte {
	b := append(append(make([]byte, 0, sightingSize), s.Instance[:]...), s.Seen[:]...)
	if s.Silent {
		return append(b, 1)
	}
	return append(b, 0)
}

func (s *sighting) encode() []byte { return append(s.content(), s.Sig[:]...) }

func decodeSighting(b []byte) (s *sighting, err error) {
	if len(b) != sightingSize || b[32] > 1 {
		return nil, fmt.Errorf("%w: no sighting", errMalformed)
	}
	s = &sighting{Silent: b[32] == 1}
	copy(s.Instance[:], b)
	copy(s.Seen[:], b[16:])
	copy(s.Sig[:], b[33:])
	return s, nil
}

// signedBytes are those that the signature of s covers.
func (s *sighting) signedBytes(chain consensus.ChainID) []byte {
	b := binary.BigEndian.AppendUint32([]byte("cairn/1 instance"), uint32(chain))
	return append(b, s.content()...)
}

func (s *sighting) signedBy(key consensus.Key, chain consensus.ChainID) bool {
	return ed25519.Verify(key[:], s.signedBytes(chain), s.Sig[:])
}

const (
	// livingFor is how long after it was heard an instance counts as alive.
	livingFor = 30 * time.Second
	// maxInstances are kept and told of one key, the latest first.
	maxInstances = 4
	// maxTold are the keys of which instances are kept, beside those of members.
	maxTold = 4096
)

// told is a sighting, and when and over which connection it came last.
type told struct {
	sighting
	at   time.Time
	conn string
}

// instances is what a host knows of the processes of its own key and of others'.
type instances struct {
	mu     sync.Mutex
	own    Instance
	seen   Instance
	byPeer map[peer.ID][]told // the latest first
	named  map[peer.ID]bool   // those that are known to be there twice
}

func newInstances() *instances {
	l := &instances{byPeer: make(map[peer.ID][]told), named: make(map[peer.ID]bool)}
	rand.Read(l.own[:]) // never fails
	return l
}

// hear notes a sighting of a peer's. It returns those of other processes with the same key that
// live, and whether it shows for the first time that there are two.
func (l *instances) hear(id peer.ID, member bool, s *sighting, conn string, now time.Time) (others []told, twice bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := slices.DeleteFunc(l.byPeer[id], func(t told) bool { return t.Instance == s.Instance || now.Sub(t.at) > livingFor })
	others = slices.Clone(list)
	for _, o := range list {
		// Each was alive after the other began.
		twice = twice || o.Seen == s.Instance && s.Seen == o.Instance
	}
	first := twice && !l.named[id]
	if twice {
		l.named[id] = true
	} else if len(list) == 0 {
		delete(l.named, id)
	}
	if _, known := l.byPeer[id]; known || member || len(l.byPeer) < maxTold {
		list = append([]told{{*s, now, conn}}, list...)
		l.byPeer[id] = list[:min(len(list), maxInstances)]
	}
	return others, first
}

// forget drops the instances that were not heard of for a while.
func (l *instances) forget(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, list := range l.byPeer {
		if now.Sub(list[0].at) > livingFor {
			delete(l.byPeer, id)
			delete(l.named, id)
		}
	}
}

// Twice returns the nodes of which two processes are alive, as far as they were heard here lately.
func (h *Host) Twice() []consensus.Key {
	h.instances.forget(time.Now())
	h.instances.mu.Lock()
	defer h.instances.mu.Unlock()
	var list []consensus.Key
	for id := range h.instances.named {
		if key, ok := nodeKey(id); ok {
			list = append(list, key)
		}
	}
	slices.SortFunc(list, func(a, b consensus.Key) int { return slices.Compare(a[:], b[:]) })
	return list
}

// Instance is the name of this process.
func (h *Host) Instance() Instance {
	h.instances.mu.Lock()
	defer h.instances.mu.Unlock()
	return h.instances.own
}

// Rename gives this process another name, so that nothing said of it before counts any longer.
func (h *Host) Rename() {
	h.instances.mu.Lock()
	defer h.instances.mu.Unlock()
	rand.Read(h.instances.own[:])
}

// ownSighting signs what this process says of itself now.
func (h *Host) ownSighting() *sighting {
	h.instances.mu.Lock()
	s := &sighting{Instance: h.instances.own, Seen: h.instances.seen}
	h.instances.mu.Unlock()
	s.Silent = h.cfg.Silent != nil && h.cfg.Silent()
	copy(s.Sig[:], ed25519.Sign(h.cfg.Key, s.signedBytes(h.chainID)))
	return s
}

// serveInstance hears which process a peer is, and tells it of others that have its key: their own
// signed words, which the peer can check.
func (h *Host) serveInstance(_ context.Context, from peer.ID, s network.Stream) error {
	raw := make([]byte, sightingSize)
	if _, err := io.ReadFull(s, raw); err != nil {
		return err
	}
	said, err := decodeSighting(raw)
	if err != nil {
		return err
	}
	key, ok := nodeKey(from)
	if !ok || !said.signedBy(key, h.chainID) {
		return fmt.Errorf("%w: a sighting that the peer has not signed", errMalformed)
	}
	now := time.Now()
	h.instances.forget(now)
	was := h.isSilent(from)
	others, twice := h.instances.hear(from, h.enrolled(from), said, s.Conn().ID(), now)
	if h.isSilent(from) != was {
		h.roster.subs.Wake()
	}
	if twice {
		h.logOf(from).Warn("a node is there twice: two processes run with one node key, as when a directory was copied; it was told",
			"node", key, "instance", said.Instance, "other", said.Seen)
	}
	answer := []byte{byte(len(others))}
	for _, o := range others {
		answer = append(answer, o.encode()...)
	}
	_, err = s.Write(answer)
	return err
}

// askInstance tells a peer which process this is, and hears whether it knows another one with our
// key. If it does, it is told at once that we have heard of that.
func (h *Host) askInstance(r *remote) {
	for range 2 {
		var others []*sighting
		err := h.ask(r.ctx, r.id, "instance", h.names.instance, func(s network.Stream) (err error) {
			if _, err := s.Write(h.ownSighting().encode()); err != nil {
				return err
			}
			others, err = readSightings(s)
			return err
		})
		if err != nil || !h.heardOf(r, others) {
			return
		}
	}
}

func readSightings(r io.Reader) (list []*sighting, err error) {
	var n [1]byte
	if _, err := io.ReadFull(r, n[:]); err != nil {
		return nil, err
	}
	if n[0] > maxInstances {
		return nil, fmt.Errorf("%w: %d sightings", errMalformed, n[0])
	}
	raw := make([]byte, sightingSize)
	for range n[0] {
		if _, err := io.ReadFull(r, raw); err != nil {
			return nil, err
		}
		s, err := decodeSighting(raw)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// heardOf takes in what a peer knows of other processes with our key, and reports whether there is
// one that it does not know we have heard of. A word that names this process proves that its
// speaker lives beside it.
func (h *Host) heardOf(r *remote, others []*sighting) (news bool) {
	for _, o := range others {
		own := h.Instance()
		if o.Instance == own || !o.signedBy(h.self, h.chainID) {
			continue
		}
		if o.Seen == own && h.cfg.Copied != nil { // before we say that we have seen it
			h.cfg.Copied(Copy{Instance: o.Instance, Silent: o.Silent, Told: r.key})
		}
		if !news { // the latest
			h.instances.mu.Lock()
			news = h.instances.seen != o.Instance
			h.instances.seen = o.Instance
			h.instances.mu.Unlock()
		}
	}
	return news
}

// Copy is another process with the key of this node, which was alive after this one began.
type Copy struct {
	Instance Instance
	Silent   bool          // it says that it signs nothing
	Told     consensus.Key // the node that knows both
}
