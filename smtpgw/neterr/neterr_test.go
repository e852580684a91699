package neterr

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
)

// TestWords: of the machine that had an error nothing is told, of the error what it was.
func TestWords(t *testing.T) {
	own, far := &net.TCPAddr{IP: net.IPv4(10, 0, 0, 5), Port: 40123}, &net.TCPAddr{IP: net.IPv4(198, 51, 100, 7), Port: 443}
	reset := &net.OpError{Op: "read", Net: "tcp", Source: own, Addr: far, Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	other := &net.OpError{Op: "dial", Net: "tcp", Source: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 6), Port: 40125}, Addr: far, Err: os.NewSyscallError("connect", syscall.ETIMEDOUT)}
	silent := &net.DNSError{Err: "read udp 10.0.0.5:40124->10.0.0.1:53: i/o timeout", Name: "mx.far.example", Server: "10.0.0.1:53", IsTimeout: true}
	for _, tt := range []struct {
		err  error
		want string
	}{
		{reset, "read: connection reset by peer"},
		{fmt.Errorf("wait for the reply: %w", reset), "wait for the reply: read: connection reset by peer"},
		{errors.Join(errors.New("TLS failed"), reset), "TLS failed\nread: connection reset by peer"},
		{errors.Join(reset, fmt.Errorf("then %w", other)), "read: connection reset by peer\nthen dial: connect: connection timed out"},
		{&url.Error{Op: "Get", URL: "https://far.example/", Err: reset}, "read: connection reset by peer"},
		{&url.Error{Op: "Get", URL: "https://far.example/", Err: &net.OpError{Op: "dial", Net: "tcp", Err: silent}}, "the DNS does not answer"},
		{&net.DNSError{Err: "no such host", Name: "mx.far.example", Server: "10.0.0.1:53", IsNotFound: true}, "the name is not in the DNS"},
		{&net.OpError{Op: "remote error", Err: errors.New("tls: bad certificate")}, "remote error: tls: bad certificate"},
		{errors.New("the web server answers 404"), "the web server answers 404"},
	} {
		if got := Words(tt.err); got != tt.want || strings.Contains(got, "10.0.0.") {
			t.Errorf("%v: %q, want %q", tt.err, got, tt.want)
		}
	}
}
