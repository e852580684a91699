package gatewaytest

import (
	"context"
	"net"
	"testing"
	"time"
)

// Server is one of the gateway.
type Server interface {
	Serve(l net.Listener) error
	Shutdown(ctx context.Context) error
}

// Begin runs a server on a loopback port and returns its address and what Serve
// returns in the end.
func Begin(t testing.TB, s Server) (addr string, served <-chan error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	return l.Addr().String(), done
}

// Serve runs a server on a loopback port until the test ends and returns its
// address.
func Serve(t testing.TB, s Server) string {
	t.Helper()
	addr, served := Begin(t, s)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return addr
}
