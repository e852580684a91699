package smtpgw

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"cairn/mailstore/textroom"
	"cairn/smtpgw/limits"
	"cairn/smtpgw/maillog"
)

// maxRefusing is how many connections are turned away with a word at one time.
const maxRefusing = 64

// listener gives go-smtp wires, and turns away who is too many before the
// banner.
type listener struct {
	net.Listener
	srv *Server

	secure bool // TLS comes before the banner (RFC 8314, section 3.3)
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
			w.secrecy.now = l.secure
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
	name    string
	network string     // that of an IP address, see networkName; else the name
	member  bool       // an enrolled node
	addr    netip.Addr // of the first of its connections; the others are of the same host
	conns   int
	text    *textroom.Room
}

// reserved is the part of a limit that is kept for members.
func (s *Server) reserved(limit int64) int64 {
	if s.mode == Submission || s.cfg.Enrolled == nil {
		return 0
	}
	return limit / 4
}

// enter counts a connection in, or says why not. Where there are too many, one that is idle makes
// place.
func (s *Server) enter(c net.Conn) (*wire, string) {
	name, network, member := s.identify(c)
	caller := &peer{name: name, network: network, member: member, addr: addressOf(c)}
	if refusal := s.knock(caller); refusal != "" {
		return nil, refusal
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.peers[name]
	if p == nil {
		p = caller
	}
	if refusal := s.admit(p); refusal != "" {
		return nil, refusal
	}
	if p.text == nil {
		p.text = s.textOf(p)
	}
	w := newWire(c, s.limits, s.dir.Home(), p.text)
	w.dsn = s.smtp.EnableDSN
	w.peer, w.relays = p, s.mode == Submission && s.cfg.relays(c)
	w.secrecy = secrecy{config: s.cfg.TLS, meter: s.cfg.Meter, ctx: s.ctx, busy: func() bool { return false }, fault: func(what string, err error) {
		s.logOf(p, s.log).Info("smtp: "+what, "mode", s.mode.String(), "peer", c.RemoteAddr().String(), "err", maillog.Clipped(err.Error()))
	}}
	if s.mode == Submission {
		w.secrecy.check, w.secrecy.scram = s.cfg.Passwords, s.cfg.Scram
		w.secrecy.begin = func(login string) (func(), bool, error) { return s.beginCheck(p, login) }
	}
	if s.cfg.NodeKey != nil && s.cfg.NodeKey(c) != nil {
		w.secrecy.config = nil // a stream between nodes is encrypted as it is
		w.ofNode = true
		w.dsn = false // what a node has taken, the sender's own reports
	}
	w.onClose = func() { s.leave(w) }
	w.tell = func(verb, reply string) { s.answered(p, c.RemoteAddr().String(), verb, reply) }
	w.against = func(e limits.Event) limits.Decision { return s.cfg.Throttle.decide(e, p) }
	if tcp := tcpOf(c); tcp != nil && s.mode == Inbound {
		w.early = func() bool {
			spoke := spokeFirst(tcp)
			if spoke {
				s.cfg.Throttle.decide(limits.EarlyTalker, p)
				s.logOf(p, s.log).Info("smtp: turned away who spoke before the greeting", "mode", s.mode.String(), "peer", c.RemoteAddr().String())
			}
			return spoke
		}
	}
	s.sessions.Add(1)
	s.wires[w], s.peers[name] = p, p
	s.count(p)
	return w, ""
}

// admit says why another connection of a peer is not taken; empty if there is a place for it. The
// caller holds mu.
func (s *Server) admit(p *peer) (refusal string) {
	limit, ofPeer, ofNetwork := s.limits.Connections, s.limits.PerPeer, s.limits.PerNetwork
	remote := s.isRemote(p)
	switch {
	case p.member:
		ofPeer *= 2 // a courier keeps sessions for each of an organisation's domains
	case s.mode == Inbound && s.cfg.Throttle.named(p.addr):
		ofPeer, ofNetwork = max(ofPeer, limit/2), max(ofNetwork, limit/2) // it brings the mail of many
	case remote: // many of our own users may share an address
		ofPeer, ofNetwork = min(ofPeer, limit/4), limit/2
	}
	full := func() bool {
		return s.connections >= limit || !p.member && s.strangers >= limit-int(s.reserved(int64(limit))) || remote && s.connections >= limit*3/4
	}
	switch silent := s.silent(); {
	case s.stopping:
		return "is shutting down; try again later"
	case silent != "":
		return "takes no mail at present: " + silent
	case p.conns >= ofPeer && !(!p.member && s.makePlace(true, func(q *peer) bool { return q == p })):
		s.logOf(p, s.log).Warn("smtp: too many connections of one peer", "mode", s.mode.String(), "peer", p.name)
		return "has too many connections with you; close some first"
	case (s.mode == Inbound || remote) && !p.member && s.networks[p.network] >= ofNetwork &&
		!s.makePlace(true, func(q *peer) bool { return q.network == p.network && !q.member }):
		s.logOf(p, s.log).Warn("smtp: too many connections of one network", "mode", s.mode.String(), "network", p.network)
		return "has too many connections with your network; close some first"
	case full() && !s.makePlace(false, func(q *peer) bool { return p.member || !q.member }):
		s.logOf(p, s.log).Warn("smtp: too many connections", "mode", s.mode.String(), "peer", p.name)
		return "is too busy; try again later"
	}
	return ""
}

// isRemote reports whether a peer comes to a submission listener from another machine.
func (s *Server) isRemote(p *peer) bool {
	return s.mode == Submission && p.addr.IsValid() && !p.addr.Unmap().IsLoopback()
}

// textOf is the memory that a peer has for text: of inbound mail a part of what all have, and of
// what strangers of one network have, since whoever has a network has any number of hosts. The
// caller holds mu.
func (s *Server) textOf(p *peer) *textroom.Room {
	of, all := s.text, s.limits.TextBytes
	if !p.member {
		of = s.strangerText
	}
	if s.mode != Inbound {
		return of.Part(all)
	}
	if !p.member && !s.cfg.Throttle.named(p.addr) { // who is named brings the mail of many
		of = s.networkText[p.network]
		if of == nil {
			of = s.strangerText.Part(max(all/2, s.limits.MessageBytes))
			s.networkText[p.network] = of
		}
	}
	return of.Part(max(all/4, s.limits.MessageBytes))
}

// leave counts a connection out.
func (s *Server) leave(w *wire) {
	defer s.sessions.Done()
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.wires[w]
	delete(s.wires, w)
	if !w.at.isYielding() { // else it was counted out when it had to
		s.uncount(p)
	}
}

// count counts a connection of p. The caller holds mu.
func (s *Server) count(p *peer) {
	s.connections++
	s.networks[p.network]++
	p.conns++
	if !p.member {
		s.strangers++
	}
}

// uncount undoes count.
func (s *Server) uncount(p *peer) {
	s.connections--
	if s.networks[p.network]--; s.networks[p.network] == 0 {
		delete(s.networks, p.network)
		delete(s.networkText, p.network)
	}
	if !p.member {
		s.strangers--
	}
	if p.conns--; p.conns == 0 && s.peers[p.name] == p {
		delete(s.peers, p.name)
	}
}

// identify returns what a connection is counted by: the node key of a member;
// else the IP address, also that of a libp2p stream; else, where there is no
// IP, the whole address. It also returns what network that is in.
func (s *Server) identify(c net.Conn) (name, network string, member bool) {
	if s.cfg.NodeKey != nil && s.cfg.Enrolled != nil {
		if key := s.cfg.NodeKey(c); key != nil && s.cfg.Enrolled(*key) {
			name = "node " + key.String()
			return name, name, true
		}
	}
	if stream, ok := c.(interface{ RemoteIP() netip.Addr }); ok {
		if ip := stream.RemoteIP(); ip.IsValid() {
			return hostName(ip), networkName(ip), false
		}
		name = "unknown address" // such as that of a relayed stream
		return name, name, false
	}
	if ip, err := netip.ParseAddrPort(c.RemoteAddr().String()); err == nil {
		return hostName(ip.Addr()), networkName(ip.Addr()), false
	}
	name = c.RemoteAddr().String()
	return name, name, false
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
