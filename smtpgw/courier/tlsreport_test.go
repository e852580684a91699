package courier

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"cairn/mailstore/outbox"
	"cairn/smtpgw/client"
	"cairn/smtpgw/gatewaytest"
	"cairn/smtpgw/tlstest"
)

// TestTLSOutcomes: what came of TLS is told once for each session in which it was tried.
func TestTLSOutcomes(t *testing.T) {
	cert, roots := tlstest.Certificate(t, "mx.far.example")
	starttls := []string{"STARTTLS", "8BITMIME"}
	for _, tt := range []struct {
		name   string
		server *gatewaytest.Foreign
		host   client.Host
		want   string
	}{
		{"encrypted", &gatewaytest.Foreign{Offers: starttls}, client.Host{}, "encrypted"},
		{"required", &gatewaytest.Foreign{Offers: starttls}, client.Host{TLS: client.TLSRequired}, "encrypted"},
		{"not offered", &gatewaytest.Foreign{}, client.Host{}, "not offered"},
		{"not offered, and required", &gatewaytest.Foreign{}, client.Host{TLS: client.TLSRequired}, "not offered"},
		{"broken, and in clear then", &gatewaytest.Foreign{Offers: starttls, Broken: true}, client.Host{}, "failed"},
		{"refused", &gatewaytest.Foreign{Offers: starttls, StartTLS: "454 not now\r\n"}, client.Host{}, "failed"},
		{"of another name", &gatewaytest.Foreign{Offers: starttls}, client.Host{Name: "other.example", TLS: client.TLSRequired}, "failed: host name"},
		{"turned away", &gatewaytest.Foreign{Banner: "554 no"}, client.Host{}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.server.Config = &tls.Config{Certificates: []tls.Certificate{cert}}
			h := tt.host
			h.Roots, h.Dial = roots, gatewaytest.DialTo(tt.server.Listen(t).Addr)
			if h.Name == "" {
				h.Name = "mx.far.example"
			}
			var told []string
			h.Told = func(o client.TLSOutcome) {
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
				if o.Remote.String() != tt.server.Addr || !strings.HasPrefix(fmt.Sprint(o.Local), "127.") {
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
