package p2p

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"cairn/consensus"
)

// streamsPerPeer is how many requests of one protocol one caller may have under way.
const streamsPerPeer = 4

// protocols are the names of the streams of one chain.
type protocols struct {
	status, headers, blocks, pool, peers, time, instance, account, had, smtp protocol.ID
}

func protocolsOf(chain consensus.ChainID) protocols {
	name := func(s string) protocol.ID { return protocol.ID(fmt.Sprintf("/cairn/%s/%s/1", chain, s)) }
	return protocols{status: name("status"), headers: name("headers"), blocks: name("blocks"), pool: name("pool"), peers: name("peers"), time: name("time"), instance: name("instance"), account: name("account"), had: name("had"), smtp: name("smtp")}
}

// service answers one protocol.
type service struct {
	name    string
	handle  func(ctx context.Context, from peer.ID, s network.Stream) error
	most    int           // requests that a caller may have under way; 0: streamsPerPeer
	gap     time.Duration // a caller earns one request per gap,
	credit  int           // and saves up this many
	mu      sync.Mutex
	clients map[caller]*client
}

// client is what one caller has used of a service.
type client struct {
	open int
	credit
}

// admit books a request of a caller; false when it has too many open or asks too often.
func (s *service) admit(from caller, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.clients[from]
	if c == nil {
		c = &client{credit: credit{left: float64(s.credit), at: now}}
		s.clients[from] = c
	}
	c.grow(now, s.gap, s.credit)
	if c.open >= cmp.Or(s.most, streamsPerPeer) || c.left < 1 {
		return false
	}
	c.open++
	c.left--
	return true
}

func (s *service) done(from caller) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.clients[from]; c != nil && c.open > 0 {
		c.open--
	}
}

// forget drops what has been idle long enough to have all its credit back.
func (s *service) forget(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for from, c := range s.clients {
		if c.open == 0 && now.Sub(c.at) > s.gap*time.Duration(s.credit) {
			delete(s.clients, from)
		}
	}
}

// serve answers id with svc until the host closes. Each stream runs with a deadline and is reset,
// counted and, if it was malformed, held against the peer when the handler fails.
func (h *Host) serve(id protocol.ID, svc *service) {
	svc.clients = make(map[caller]*client)
	h.services = append(h.services, svc)
	h.host.SetStreamHandler(id, func(s network.Stream) {
		from := s.Conn().RemotePeer()
		if !h.running.Enter() {
			_ = s.Reset()
			return
		}
		defer h.running.Leave()
		by := h.callerOn(s.Conn())
		if !svc.admit(by, time.Now()) {
			h.stats.add("stream." + svc.name + ".throttled")
			_ = s.Reset()
			return
		}
		defer svc.done(by)
		ctx, cancel := context.WithTimeout(h.ctx, h.timing.request)
		defer cancel()
		stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
		defer stop()
		if err := svc.handle(ctx, from, s); err != nil {
			h.failedStream(svc.name, from, err)
			_ = s.Reset()
			return
		}
		h.stats.add("stream." + svc.name + ".served")
		_ = s.Close()
	})
}

// failedStream counts the end of an exchange with a peer, in either direction.
func (h *Host) failedStream(name string, from peer.ID, err error) {
	if errors.Is(err, errMalformed) {
		h.stats.add("stream." + name + ".malformed")
		h.blame(from, 1)
		h.log.Debug("peer sent a malformed message", "protocol", name, "peer", from, "err", err)
		return
	}
	h.stats.add("stream." + name + ".failed")
}

// ask opens a stream to a peer, lets talk use it and closes it.
func (h *Host) ask(ctx context.Context, p peer.ID, name string, id protocol.ID, talk func(s network.Stream) error) error {
	return h.askOver(ctx, p, name, func(ctx context.Context) (network.Stream, error) {
		return h.host.NewStream(network.WithNoDial(ctx, "a peer that has gone is not asked"), p, id)
	}, talk)
}

// askOver is ask over the stream that open opens.
func (h *Host) askOver(ctx context.Context, p peer.ID, name string, open func(context.Context) (network.Stream, error), talk func(s network.Stream) error) error {
	ctx, cancel := context.WithTimeout(ctx, h.timing.request)
	defer cancel()
	s, err := open(ctx)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	defer stop()
	if err := talk(s); err != nil {
		_ = s.Reset()
		h.failedStream(name, p, err)
		return err
	}
	_ = s.Close()
	h.stats.add("stream." + name + ".asked")
	return nil
}
