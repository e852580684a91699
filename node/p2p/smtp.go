package p2p

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"cairn/consensus"
)

// smtpBacklog is how many sessions may wait for Accept.
const smtpBacklog = 128

// strangersShare is the part of Config.MaxSessions that nodes which are not enrolled have together
// at one address.
const strangersShare = 4

// sessions counts the open mail streams, and holds the listener if there is one.
type sessions struct {
	mu       sync.Mutex
	open     map[peer.ID]int // in both directions
	incoming map[caller]int
	listener *smtpListener
}

// ListenSMTP returns a listener whose connections are the mail streams that other nodes open to
// this one. Only one can be open at a time. Accept returns net.ErrClosed after Close, and after the
// host has closed.
func (h *Host) ListenSMTP() (net.Listener, error) {
	h.mail.mu.Lock()
	defer h.mail.mu.Unlock()
	if h.mail.listener != nil {
		return nil, errors.New("p2p: mail streams are being listened for already")
	}
	if h.ctx.Err() != nil {
		return nil, net.ErrClosed
	}
	l := &smtpListener{host: h, streams: make(chan net.Conn, smtpBacklog), done: make(chan struct{})}
	h.mail.listener = l
	h.host.SetStreamHandler(h.names.smtp, l.offer)
	return l, nil
}

// closeSMTP closes the listener, if any.
func (h *Host) closeSMTP() {
	h.mail.mu.Lock()
	l := h.mail.listener
	h.mail.mu.Unlock()
	if l != nil {
		_ = l.Close()
	}
}

// DialSMTP opens a mail stream to a node. It uses the addresses that are known, and else asks the
// connected peers. The error wraps ErrNodeNotFound if the node cannot be reached at present.
func (h *Host) DialSMTP(ctx context.Context, node consensus.Key) (net.Conn, error) {
	id, err := h.reach(ctx, node)
	if err != nil {
		h.stats.add("smtp.unreachable")
		return nil, err
	}
	s, err := h.open(ctx, id, h.names.smtp)
	if err != nil {
		h.stats.add("smtp.refused")
		return nil, errors.Join(ErrNodeNotFound, err)
	}
	h.stats.add("smtp.dialed")
	h.mail.mu.Lock()
	defer h.mail.mu.Unlock()
	return h.newConn(s, func() {}), nil
}

// newConn counts a mail stream, and keeps its connection from being closed for want of room while
// there is one. left is called when the stream is closed. The caller holds mail.mu, as left will.
func (h *Host) newConn(s network.Stream, left func()) *conn {
	id := s.Conn().RemotePeer()
	if h.mail.open == nil {
		h.mail.open = make(map[peer.ID]int)
	}
	if h.mail.open[id]++; h.mail.open[id] == 1 {
		h.host.ConnManager().Protect(id, "smtp")
	}
	return newConn(s, func() {
		h.mail.mu.Lock()
		defer h.mail.mu.Unlock()
		if h.mail.open[id]--; h.mail.open[id] == 0 {
			delete(h.mail.open, id)
			h.host.ConnManager().Unprotect(id, "smtp")
		}
		left()
	})
}

// accept makes a mail stream that a peer has opened a connection; nil if it has too many already.
// Streams that this node opened take no place of it.
func (h *Host) accept(s network.Stream) *conn {
	from := h.callerOn(s.Conn())
	most := h.cfg.MaxSessions
	if from.site.IsValid() {
		most = max(most/strangersShare, 1)
	}
	h.mail.mu.Lock()
	defer h.mail.mu.Unlock()
	if h.mail.incoming == nil {
		h.mail.incoming = make(map[caller]int)
	}
	if h.mail.incoming[from] >= most {
		return nil
	}
	h.mail.incoming[from]++
	return h.newConn(s, func() {
		if h.mail.incoming[from]--; h.mail.incoming[from] == 0 {
			delete(h.mail.incoming, from)
		}
	})
}

// smtpListener is a net.Listener of mail streams.
type smtpListener struct {
	host    *Host
	streams chan net.Conn
	once    sync.Once
	done    chan struct{}
}

// offer takes a stream that a peer has opened, or resets it if the peer has too many or nobody
// accepts them.
func (l *smtpListener) offer(s network.Stream) {
	h := l.host
	c := h.accept(s)
	if c == nil {
		h.stats.add("smtp.too-many")
		_ = s.Reset()
		return
	}
	select {
	case <-l.done:
	case l.streams <- c:
		h.stats.add("smtp.accepted")
		return
	default:
		h.stats.add("smtp.backlog-full")
	}
	_ = s.Reset()
	_ = c.Close()
}

// Accept waits for the next mail stream.
func (l *smtpListener) Accept() (net.Conn, error) {
	select {
	case <-l.done:
		return nil, net.ErrClosed
	default:
	}
	select {
	case c := <-l.streams:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close ends Accept. Streams that were accepted live on.
func (l *smtpListener) Close() error {
	l.once.Do(func() {
		h := l.host
		h.mail.mu.Lock()
		h.mail.listener = nil
		h.mail.mu.Unlock()
		h.host.RemoveStreamHandler(h.names.smtp)
		close(l.done)
		for {
			select {
			case c := <-l.streams:
				c.(*conn).reset()
			default:
				return
			}
		}
	})
	return nil
}

// Addr returns this node's libp2p name.
func (l *smtpListener) Addr() net.Addr { return addr(l.host.host.ID()) }

// addr is a libp2p peer id as a net.Addr.
type addr peer.ID

func (a addr) Network() string { return "libp2p" }
func (a addr) String() string  { return peer.ID(a).String() }

// conn is a mail stream as a net.Conn.
type conn struct {
	network.Stream
	closed  atomic.Bool
	onClose func()
	remote  func() named // the other side, see nameOf
}

func newConn(s network.Stream, onClose func()) *conn {
	return &conn{Stream: s, onClose: onClose, remote: sync.OnceValue(func() named { return nameOf(s.Conn().RemotePeer()) })}
}

// named is a peer with what is asked of it for each mail.
type named struct {
	addr
	text string
	key  *consensus.Key // nil: it has none that a node may have
}

func nameOf(id peer.ID) named {
	n := named{addr: addr(id), text: id.String()}
	if key, ok := nodeKey(id); ok {
		n.key = &key
	}
	return n
}

func (n named) String() string { return n.text }

// Read reads what the other side wrote; io.EOF after it has closed. After a deadline the error is
// os.ErrDeadlineExceeded, a net.Error.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Stream.Read(b)
	return n, c.netError(err)
}

// Write blocks while the other side does not read.
func (c *conn) Write(b []byte) (int, error) {
	n, err := c.Stream.Write(b)
	return n, c.netError(err)
}

// netError turns the errors of streams into those that users of net know.
func (c *conn) netError(err error) error {
	var timeout net.Error
	switch {
	case err == nil:
		return nil
	case c.closed.Load():
		return net.ErrClosed
	case errors.As(err, &timeout) && timeout.Timeout():
		return os.ErrDeadlineExceeded
	}
	return err
}

// Close sends what was written and ends both directions.
func (c *conn) Close() error {
	if c.closed.Swap(true) {
		return net.ErrClosed
	}
	c.onClose()
	return c.Stream.Close()
}

// reset drops the stream at once.
func (c *conn) reset() {
	_ = c.Stream.Reset()
	_ = c.Close()
}

func (c *conn) LocalAddr() net.Addr  { return addr(c.Stream.Conn().LocalPeer()) }
func (c *conn) RemoteAddr() net.Addr { return c.remote() }

// RemoteIP returns the IP address that the other side's connection comes from, as far as this side
// can see: of a site behind one address all nodes have the same. It is the zero Addr if there is
// none.
func (c *conn) RemoteIP() netip.Addr { return remoteIP(c.Stream.Conn().RemoteMultiaddr()) }

// NodeKeyOf returns the node key of the other side of a mail stream, which the stream's encryption
// has proved; nil if c is none, nor wraps one (by a method NetConn, as tls.Conn does).
func NodeKeyOf(c net.Conn) *consensus.Key {
	for c != nil {
		if s, ok := c.(*conn); ok {
			if key := s.remote().key; key != nil {
				own := *key
				return &own
			}
			return nil
		}
		w, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			return nil
		}
		c = w.NetConn()
	}
	return nil
}
