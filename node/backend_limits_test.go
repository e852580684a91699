package node

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"cairn/node/api"
)

// Who fails behind a proxy of this node is kept out of it by its own address, is listed, and is let
// in again.
func TestLimitsOfStrangers(t *testing.T) {
	dir, _ := founder(t, "Alpha", "alpha.test")
	quiet(t, dir, func(c *Config) {
		c.Inbound.Listen, c.Inbound.Proxies, c.Limits.Failures = "127.0.0.1:0", []string{"127.0.0.0/8"}, "15/10m"
	})
	n, _ := begun(t, dir)
	hears := func(from, says string) string {
		t.Helper()
		c, err := net.Dial("tcp", n.listen.inbound.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(20 * time.Second))
		if _, err := io.WriteString(c, "PROXY TCP4 "+from+" 203.0.113.1 40000 25\r\n"+says); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(c).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return line
	}
	for _, tt := range []struct{ from, says, want string }{
		{"192.0.2.1", "", "220 "},
		{"192.0.2.1", "EHLO early.example\r\n", "554 5.5.1 "},
		{"192.0.2.1", "EHLO early.example\r\n", "554 5.5.1 "},
		{"192.0.2.1", "", "421 4.7.0 "},
		{"192.0.2.2", "", "220 "},
	} {
		if got := hears(tt.from, tt.says); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s says %q and hears %q, want %q", tt.from, tt.says, got, tt.want)
		}
	}
	ctx := context.Background()
	list, err := n.Limits(ctx)
	if err != nil || list.Total != 3 || list.Limits[0].Prefix != "192.0.2.1/32" || list.Limits[0].Kept != api.KeptBanned || list.Limits[0].Times != 1 ||
		list.Limits[0].Until.IsZero() || list.Limits[0].Next != "cairn limits forgive 192.0.2.1/32" || list.Limits[1].Kept != "" {
		t.Errorf("listed: %+v, %v", list, err)
	}
	forgiven, err := n.Forgive(ctx, api.ForgiveRequest{Prefix: "192.0.2.1"})
	if err != nil || len(forgiven.Forgiven) != 2 {
		t.Errorf("forgiven: %+v, %v", forgiven, err)
	}
	if got := hears("192.0.2.1", ""); !strings.HasPrefix(got, "220 ") {
		t.Errorf("who was forgiven hears %q", got)
	}
	for _, r := range []api.ForgiveRequest{{}, {Prefix: "192.0.2.1", Account: "alice"}, {Prefix: "a"}} {
		if _, err := n.Forgive(ctx, r); api.AsError(err).Code != api.CodeUsage {
			t.Errorf("%+v: %v", r, err)
		}
	}
}
