package smtpgw

import (
	"net"
	"testing"
)

type textAddr string

func (a textAddr) Network() string { return "test" }
func (a textAddr) String() string  { return string(a) }

func TestPeerName(t *testing.T) {
	for _, tt := range []struct {
		addr net.Addr
		want string
	}{
		{&net.TCPAddr{IP: net.ParseIP("192.0.2.7"), Port: 25}, "192.0.2.7"},
		{textAddr("[::ffff:192.0.2.7]:25"), "192.0.2.7"},
		{&net.TCPAddr{IP: net.ParseIP("2001:db8:1:2:3::4"), Port: 25}, "2001:db8:1:2::/64"},
		{&net.TCPAddr{IP: net.ParseIP("2001:db8:1:2:ffff::9"), Port: 26}, "2001:db8:1:2::/64"},
		{&net.TCPAddr{IP: net.ParseIP("fe80::1"), Zone: "eth0", Port: 25}, "fe80::/64"},
		{textAddr("12D3KooWpeer"), "12D3KooWpeer"},
	} {
		if got := peerName(tt.addr); got != tt.want {
			t.Errorf("%v is counted as %q, want %q", tt.addr, got, tt.want)
		}
	}
}
