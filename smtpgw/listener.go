package smtpgw

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// maxRefusing is how many connections are turned away with a word at one time.
const maxRefusing = 64

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
		select {
		case l.srv.refusing <- struct{}{}:
			l.srv.refusals.Go(func() {
				turnAway(c, l.srv.cfg.Hostname, refusal)
				<-l.srv.refusing
			})
		default: // a flood gets no answer
			c.Close()
		}
	}
}

// turnAway answers instead of the banner (RFC 5321, section 3.1).
func turnAway(c net.Conn, hostname, why string) {
	c.SetDeadline(time.Now().Add(2 * time.Second))
	c.Write([]byte("421 4.7.0 " + hostname + " " + why + "\r\n"))
	c.Close()
}

// peer is whom connections and message text are counted by.
type peer struct {
	name   string
	member bool // an enrolled node
	conns  int
	text   budget
}

// reserved is the part of a limit that is kept for members.
func (s *Server) reserved(limit int64) int64 {
	if s.mode == Submission || s.cfg.Enrolled == nil {
		return 0
	}
	return limit / 4
}

// enter counts a connection in, or says why not.
func (s *Server) enter(c net.Conn) (*wire, string) {
	name, member := s.identify(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.peers[name]
	if p == nil {
		p = s.newPeer(name, member)
	}
	limit, ofPeer := int64(s.limits.Connections), s.limits.PerPeer
	if member {
		ofPeer *= 2 // a courier keeps sessions for each of an organisation's domains
	}
	switch silent := s.silent(); {
	case s.stopping:
		return nil, "is shutting down; try again later"
	case silent != "":
		return nil, "takes no mail at present: " + silent
	case int64(len(s.wires)) >= limit, !member && int64(s.strangers) >= limit-s.reserved(limit):
		s.log.Warn("smtp: too many connections", "mode", s.mode.String(), "peer", name)
		return nil, "is too busy; try again later"
	case p.conns >= ofPeer:
		s.log.Warn("smtp: too many connections of one peer", "mode", s.mode.String(), "peer", name)
		return nil, "has too many connections with you; close some first"
	}
	w := newWire(c, s.limits, s.dir.home(), &p.text)
	w.onClose = func() { s.leave(w) }
	if tcp, ok := c.(*net.TCPConn); ok && s.mode == Inbound {
		w.early = func() bool {
			spoke := spokeFirst(tcp)
			if spoke {
				s.log.Info("smtp: turned away who spoke before the greeting", "mode", s.mode.String(), "peer", c.RemoteAddr().String())
			}
			return spoke
		}
	}
	s.sessions.Add(1)
	s.wires[w], s.peers[name] = p, p
	p.conns++
	if !member {
		s.strangers++
	}
	return w, ""
}

func (s *Server) newPeer(name string, member bool) *peer {
	p := &peer{name: name, member: member}
	p.text.max, p.text.of = s.limits.TextBytes, &s.text
	if s.mode == Inbound {
		p.text.max = max(s.limits.TextBytes/4, s.limits.MessageBytes)
	}
	if !member {
		p.text.of = &s.strangerText
	}
	return p
}

// leave counts a connection out.
func (s *Server) leave(w *wire) {
	defer s.sessions.Done()
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.wires[w]
	delete(s.wires, w)
	if !p.member {
		s.strangers--
	}
	if p.conns--; p.conns == 0 {
		delete(s.peers, p.name)
	}
}

// identify returns what a connection is counted by: the node key of a member;
// else the IP address, also that of a libp2p stream; else, where there is no
// IP, the whole address.
func (s *Server) identify(c net.Conn) (name string, member bool) {
	if s.cfg.NodeKey != nil && s.cfg.Enrolled != nil {
		if key := s.cfg.NodeKey(c); key != nil && s.cfg.Enrolled(*key) {
			return "node " + key.String(), true
		}
	}
	if stream, ok := c.(interface{ RemoteIP() netip.Addr }); ok {
		if ip := stream.RemoteIP(); ip.IsValid() {
			return hostName(ip), false
		}
		return "unknown address", false // such as that of a relayed stream
	}
	if ip, err := netip.ParseAddrPort(c.RemoteAddr().String()); err == nil {
		return hostName(ip.Addr()), false
	}
	return c.RemoteAddr().String(), false
}

// hostName is the IPv4 address, or the /64 of an IPv6 address: one host
// commonly has all of it.
func hostName(ip netip.Addr) string {
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	return netip.PrefixFrom(ip, 64).Masked().String()
}
