package smtpgw

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"cairn/mailstore/outbox"
	"cairn/smtpgw/tlstest"
)

// TestTLSOutcomes: what came of TLS is told once for each session in which it was tried.
func TestTLSOutcomes(t *testing.T) {
	cert, roots := tlstest.Certificate(t, "mx.far.example")
	starttls := []string{"STARTTLS", "8BITMIME"}
	for _, tt := range []struct {
		name   string
		server *foreignServer
		host   Host
		want   string
	}{
		{"encrypted", &foreignServer{ext: starttls}, Host{}, "encrypted"},
		{"required", &foreignServer{ext: starttls}, Host{TLS: TLSRequired}, "encrypted"},
		{"not offered", &foreignServer{}, Host{}, "not offered"},
		{"not offered, and required", &foreignServer{}, Host{TLS: TLSRequired}, "not offered"},
		{"broken, and in clear then", &foreignServer{ext: starttls, broken: true}, Host{}, "failed"},
		{"refused", &foreignServer{ext: starttls, startTLS: "454 not now\r\n"}, Host{}, "failed"},
		{"of another name", &foreignServer{ext: starttls}, Host{Name: "other.example", TLS: TLSRequired}, "failed: host name"},
		{"turned away", &foreignServer{banner: "554 no"}, Host{}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.server.config = &tls.Config{Certificates: []tls.Certificate{cert}}
			h := tt.host
			h.Roots, h.Dial = roots, dialTo(tt.server.listen(t).addr)
			if h.Name == "" {
				h.Name = "mx.far.example"
			}
			var told []string
			h.Told = func(o TLSOutcome) {
				text := "not offered"
				_, other := errors.AsType[x509.HostnameError](o.Err)
				switch {
				case o.State != nil:
					text = "encrypted"
				case other:
					text = "failed: host name"
				case o.Err != nil:
					text = "failed"
				}
				if o.Remote.String() != tt.server.addr || !strings.HasPrefix(fmt.Sprint(o.Local), "127.") {
					t.Errorf("from %v to %v", o.Local, o.Remote)
				}
				told = append(told, text)
			}
			sendToHosts(t, mailText("hello"), h)
			if got := strings.Join(told, ", "); got != tt.want {
				t.Errorf("told %q, want %q", got, tt.want)
			}
		})
	}
}

// TestTLSReportExpires: a TLS report is tried for a day, other mail for as long as ever.
func TestTLSReportExpires(t *testing.T) {
	n := nearNode(t, nil)
	for _, tt := range []struct {
		e    outbox.Entry
		want time.Duration
	}{{outbox.Entry{}, n.courier.cfg.Sending.Expire}, {outbox.Entry{TLSReport: true}, 24 * time.Hour}} {
		if got := n.courier.expiry(&tt.e); got != tt.want {
			t.Errorf("%+v: %s", tt.e, got)
		}
	}
}
