package smtpgw

import (
	"context"
	"net"
	"testing"

	"cairn/smtpgw/client"
	"cairn/smtpgw/gatewaytest"
)

func tcp(addr string) client.Dialer {
	return func(ctx context.Context, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", addr)
	}
}

// waitFor polls until cond holds.
func waitFor(t testing.TB, cond func() bool) {
	t.Helper()
	gatewaytest.WaitFor(t, cond)
}

// must takes the results of a call and fails the test on an error.
func must[T any](v T, err error) func(testing.TB) T {
	return gatewaytest.Must(v, err)
}
