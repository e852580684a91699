//go:build unix

package smtpgw

import (
	"net"
	"syscall"
	"testing"

	"cairn/mailstore/outbox"
	"cairn/smtpgw/deliverytest"
)

// TestEarlyTalkers: who speaks before the greeting is turned away, on a socket
// for anybody's mail only.
func TestEarlyTalkers(t *testing.T) {
	conns := func(t *testing.T, s *Server, first string) *dialogue {
		held, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { held.Close() })
		d := dial(t, held.Addr().String())
		there, err := held.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.conn.Write([]byte(first)); err != nil {
			t.Fatal(err)
		}
		if first != "" { // wait until it is there
			raw, err := there.(*net.TCPConn).SyscallConn()
			if err != nil {
				t.Fatal(err)
			}
			var one [1]byte
			arrived := func(fd uintptr) bool {
				n, _, _ := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK)
				return n > 0
			}
			if err := raw.Read(arrived); err != nil {
				t.Fatal(err)
			}
		}
		servePipes(t, s).conns <- there
		return d
	}
	st := localStore(t)
	newInbound := func() *Server {
		return NewInbound(testConfig, st, testDelivery(testConfig, st, &deliverytest.Verifier{}), discard())
	}
	t.Run("early", func(t *testing.T) {
		d := conns(t, newInbound(), "EHLO early.example\r\n")
		d.expect("^554 5.5.1 .*before the greeting")
		d.closed()
	})
	t.Run("in time", func(t *testing.T) {
		d := conns(t, newInbound(), "")
		d.expect("^220")
		d.say("EHLO late.example\r\nNOOP\r\n", "^250")
		d.expect("^250")
	})
	t.Run("own user", func(t *testing.T) {
		d := conns(t, NewSubmission(testConfig, st, outbox.New(st), discard()), "EHLO early.example\r\n")
		d.expect("^220")
		d.expect("^250")
	})
}
