package node

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"

	"cairn/node/acme"
)

const (
	// webTime is how long a request of the world may take to come in, and its answer to go out.
	webTime = 10 * time.Second
	// webConnections and webHeader bound what the world may hold here: connections, and octets of
	// a request's header. There are no other parts of requests that are read.
	webConnections = 256
	webHeader      = 4 << 10
)

// runWeb runs the web servers for the world, which have nothing but what others need to trust this
// node.
func (n *Node) runWeb(run func(func(context.Context) error)) {
	if n.listen.http != nil {
		run(func(ctx context.Context) error {
			return n.serveWeb(ctx, netutil.LimitListener(n.listen.http, webConnections), n.plainWeb())
		})
	}
	if n.listen.https != nil {
		secure := tls.NewListener(netutil.LimitListener(n.listen.https, webConnections), n.webTLS())
		run(func(ctx context.Context) error { return n.serveWeb(ctx, secure, n.policyWeb()) })
	}
}

// plainWeb has what is shown to an authority, and nothing else.
func (n *Node) plainWeb() http.Handler {
	if n.certificate.issued == nil {
		return http.NotFoundHandler()
	}
	return n.certificate.issued
}

// webTLS is what the encrypted web server takes TLS by. A connection of an authority that looks
// at a challenge ends with the handshake (RFC 8737, section 3).
func (n *Node) webTLS() *tls.Config {
	c := n.certificate.config()
	c.NextProtos = []string{"http/1.1"}
	issued := n.certificate.issued
	if issued == nil {
		return c
	}
	c.NextProtos = append(c.NextProtos, acme.ALPN)
	c.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if cert, asked, err := issued.Challenge(hello); asked {
			return cert, err
		}
		return n.certificate.shown(hello), nil
	}
	return c
}

// serveWeb answers at l until ctx is done: one request for each connection, over HTTP/1.1.
func (n *Node) serveWeb(ctx context.Context, l net.Listener, h http.Handler) error {
	s := &http.Server{
		Handler: h, ReadTimeout: webTime, WriteTimeout: webTime, IdleTimeout: webTime, MaxHeaderBytes: webHeader,
		TLSNextProto: make(map[string]func(*http.Server, *tls.Conn, http.Handler)),
		ErrorLog:     slog.NewLogLogger(n.part("smtp").Handler(), slog.LevelDebug),
	}
	s.SetKeepAlivesEnabled(false)
	over := context.AfterFunc(ctx, func() { s.Close() })
	defer over()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
