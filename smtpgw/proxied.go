package smtpgw

import (
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"cairn/mailstore/logration"
	"cairn/smtpgw/proxyproto"
)

const (
	// headerTime is how long a proxy may take to say for whom it connects.
	headerTime = 5 * time.Second
	// maxUnsaid is how many connections may wait for that at one time.
	maxUnsaid = 256
)

// Proxied returns a listener whose connections from these proxies begin with a PROXY header: they
// come from whom that names. The header of anybody else is a command like any other that is none.
// Without proxies it is l itself. Closing it closes l.
func Proxied(l net.Listener, proxies []netip.Prefix, log *slog.Logger) net.Listener {
	if len(proxies) == 0 {
		return l
	}
	p := &proxied{
		Listener: l, proxies: proxies, log: log, lines: logration.New(refusalLines, time.Now()),
		taken: make(chan accepted), done: make(chan struct{}), unsaid: make(map[net.Conn]bool),
	}
	p.running.Go(p.run)
	return p
}

// proxied is what Proxied returns. The header is read beside Accept, so that nobody is kept waiting
// for it.
type proxied struct {
	net.Listener
	proxies []netip.Prefix
	log     *slog.Logger
	lines   *logration.Ration
	taken   chan accepted
	done    chan struct{} // closed by Close
	running sync.WaitGroup

	mu     sync.Mutex
	closed bool
	unsaid map[net.Conn]bool // connections that wait for their header
}

// accepted is what Accept returns.
type accepted struct {
	conn net.Conn
	err  error
}

func (p *proxied) Accept() (net.Conn, error) {
	select {
	case a := <-p.taken:
		return a.conn, a.err
	case <-p.done:
		return nil, net.ErrClosed
	}
}

// Close closes the listener and the connections that wait for their header.
func (p *proxied) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.closed = true
	close(p.done)
	for c := range p.unsaid {
		c.Close()
	}
	p.mu.Unlock()
	err := p.Listener.Close()
	p.running.Wait()
	return err
}

// run takes connections until Close.
func (p *proxied) run() {
	for {
		c, err := p.Listener.Accept()
		switch {
		case err == nil && p.isProxy(c):
			p.begin(c)
			continue
		case !p.give(accepted{c, err}):
			return
		}
	}
}

// give waits for the next Accept; false once the listener is closed.
func (p *proxied) give(a accepted) bool {
	select {
	case p.taken <- a:
		return true
	case <-p.done:
		if a.conn != nil {
			a.conn.Close()
		}
		return false
	}
}

func (p *proxied) isProxy(c net.Conn) bool {
	a := addressOf(c).Unmap().WithZone("")
	return slices.ContainsFunc(p.proxies, func(n netip.Prefix) bool { return n.Contains(a) })
}

// begin reads the header of a connection and gives it to Accept then.
func (p *proxied) begin(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.unsaid) >= maxUnsaid {
		c.Close()
		p.lines.Of(p.log, time.Now()).Warn("smtp: too many connections of proxies that have not said for whom", "peer", c.RemoteAddr().String())
		return
	}
	p.unsaid[c] = true
	p.running.Go(func() {
		conn, err := forwardedBy(c)
		p.mu.Lock()
		delete(p.unsaid, c)
		p.mu.Unlock()
		if err == nil {
			p.give(accepted{conn: conn})
			return
		}
		p.lines.Of(p.log, time.Now()).Warn("smtp: a proxy did not say for whom it connects", "peer", c.RemoteAddr().String(), "err", err)
		c.SetDeadline(time.Now().Add(2 * time.Second))
		c.Write([]byte("421 4.3.5 the proxy in front of this server does not say for whom it connects; try again later\r\n"))
		c.Close()
	})
}

// forwardedBy is a proxy's connection once its header has been read.
func forwardedBy(c net.Conn) (net.Conn, error) {
	c.SetDeadline(time.Now().Add(headerTime))
	h, err := proxyproto.Read(c)
	if err != nil {
		return nil, err
	}
	c.SetDeadline(time.Time{})
	if !h.From.IsValid() {
		return c, nil
	}
	return forwarded{c, net.TCPAddrFromAddrPort(h.From)}, nil
}

// forwarded is a connection by way of a proxy.
type forwarded struct {
	net.Conn
	from net.Addr
}

// RemoteAddr is whom the proxy has connected for.
func (f forwarded) RemoteAddr() net.Addr { return f.from }

// tcpOf is the TCP connection that carries a connection of a listener; nil: none does.
func tcpOf(c net.Conn) *net.TCPConn {
	if f, ok := c.(forwarded); ok {
		c = f.Conn
	}
	tcp, _ := c.(*net.TCPConn)
	return tcp
}
