package smtpgw

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// listener gives go-smtp wires, and turns away who is too many before the
// banner.
type listener struct {
	net.Listener
	srv *Server

	once   sync.Once
	closed error // of Close
}

// Close closes the listener. Both the server and go-smtp do.
func (l *listener) Close() error {
	l.once.Do(func() { l.closed = l.Listener.Close() })
	return l.closed
}

// Accept returns the next connection that there is room for, as a *wire.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		w, refusal := l.srv.enter(c)
		if refusal == "" {
			return w, nil
		}
		l.srv.refusals.Go(func() { turnAway(c, l.srv.cfg.Hostname, refusal) })
	}
}

// turnAway answers instead of the banner (RFC 5321, section 3.1).
func turnAway(c net.Conn, hostname, why string) {
	c.SetDeadline(time.Now().Add(2 * time.Second))
	c.Write([]byte("421 4.7.0 " + hostname + " " + why + "\r\n"))
	c.Close()
}

// enter counts a connection in, or says why not.
func (s *Server) enter(c net.Conn) (*wire, string) {
	peer := peerName(c.RemoteAddr())
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopping:
		return nil, "is shutting down; try again later"
	case len(s.wires) >= s.limits.Connections:
		s.log.Warn("smtp: too many connections", "mode", s.mode.String(), "peer", peer)
		return nil, "is too busy; try again later"
	case s.perPeer[peer] >= s.limits.PerPeer:
		s.log.Warn("smtp: too many connections of one peer", "mode", s.mode.String(), "peer", peer)
		return nil, "has too many connections with you; close some first"
	}
	w := newWire(c, s.limits, s.dir.home(), nil)
	w.onClose = func() { s.leave(w) }
	s.sessions.Add(1)
	s.wires[w] = peer
	s.perPeer[peer]++
	return w, ""
}

// leave counts a connection out.
func (s *Server) leave(w *wire) {
	defer s.sessions.Done()
	s.mu.Lock()
	defer s.mu.Unlock()
	peer := s.wires[w]
	delete(s.wires, w)
	if s.perPeer[peer]--; s.perPeer[peer] <= 0 {
		delete(s.perPeer, peer)
	}
}

// peerName is what connections are counted by: the IPv4 address, the /64 of an
// IPv6 address (one host commonly has all of it), or the whole address where
// there is no IP, such as the peer ID of a libp2p stream.
func peerName(addr net.Addr) string {
	ip, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return addr.String()
	}
	host := ip.Addr().Unmap().WithZone("")
	if host.Is4() {
		return host.String()
	}
	return netip.PrefixFrom(host, 64).Masked().String()
}
