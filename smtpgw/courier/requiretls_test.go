package courier

import (
	"context"
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/arrival"
	"cairn/smtpgw/client"
	"cairn/smtpgw/deliverytest"
	"cairn/smtpgw/gatewaytest"
	"cairn/smtpgw/tlstest"
	"cairn/smtpgw/trace"
)

// TestRequireTLSToHosts: such mail goes only to servers whose TLS is verified and which offer
// REQUIRETLS, each of a domain's being asked; else it comes back.
func TestRequireTLSToHosts(t *testing.T) {
	cert, roots := tlstest.Certificate(t, "mx.far.example")
	config := &tls.Config{Certificates: []tls.Certificate{cert}}
	server := func(after ...string) *gatewaytest.Foreign {
		return (&gatewaytest.Foreign{Config: config, Offers: []string{"STARTTLS", "REQUIRETLS"}, After: append([]string{"8BITMIME"}, after...)}).Listen(t)
	}
	host := func(s *gatewaytest.Foreign, use client.TLSUse) client.Host {
		return client.Host{Name: "mx.far.example", Roots: roots, TLS: use, Dial: gatewaytest.DialTo(s.Addr)}
	}
	other := func(h client.Host) client.Host { h.Name = "other.example"; return h }
	anybody := func(h client.Host) client.Host {
		h.Verify, h.Unproved = func(*tls.ConnectionState) error { return nil }, true
		return h
	}
	keeps, without := server("REQUIRETLS"), server()
	inClear := (&gatewaytest.Foreign{Offers: []string{"REQUIRETLS"}}).Listen(t)
	closed := client.Host{Name: "closed.example", TLS: client.TLSRequired, Dial: gatewaytest.DialTo("127.0.0.1:1")}
	const why, lost = "550 " + client.NoRequireTLS, "451 4."
	for _, tt := range []struct {
		name  string
		hosts []client.Host
		reply string // how it begins
	}{
		{"verified", []client.Host{host(keeps, client.TLSRequired)}, "250 taken"},
		{"by a key that is published", []client.Host{func() client.Host { h := other(host(keeps, client.TLSRequired)); h.Verify = published(cert); return h }()}, "250 taken"},
		{"nobody vouches for the name", []client.Host{host(keeps, client.TLSIfOffered)}, "550 " + client.Unproved},
		{"encrypted, and nobody vouches for the name", []client.Host{anybody(other(host(keeps, client.TLSRequired)))}, "550 " + client.Unproved},
		{"by the second, if somebody vouched for it", []client.Host{host(without, client.TLSRequired), anybody(host(keeps, client.TLSRequired))}, why},
		{"not offered", []client.Host{host(without, client.TLSRequired)}, why},
		{"offered by the second", []client.Host{host(without, client.TLSRequired), host(keeps, client.TLSRequired)}, "250 taken"},
		{"by the second, if it were verified", []client.Host{host(without, client.TLSRequired), host(keeps, client.TLSIfOffered)}, why},
		{"the other one is away", []client.Host{host(without, client.TLSRequired), closed}, lost},
		{"another certificate", []client.Host{other(host(keeps, client.TLSRequired))}, lost + "7.5"},
		{"offered in clear", []client.Host{host(inClear, client.TLSRequired)}, lost + "7.4"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := nearNode(t, nil)
			n.courier.router = routes{"far.example": client.Route{To: "outside", Hosts: tt.hosts}}
			e := &outbox.Entry{Domain: "far.example", From: "user@local.example", Recipients: []string{"bob@far.example"}, RequireTLS: true}
			l := newLane(t.Context(), "far.example", n.courier.texts)
			out, o := n.courier.attempt(t.Context(), l, nil, e, []byte(mailText("x")))
			if got := out[0].reply.String(); !strings.HasPrefix(got, tt.reply) {
				t.Errorf("reply %q, want %q", got, tt.reply)
			}
			if o != nil { // one more in the same session, and one without in another
				out, o = n.courier.attempt(t.Context(), l, o, e, []byte(mailText("x")))
				usual := *e
				usual.RequireTLS = false
				then, o := n.courier.attempt(t.Context(), l, o, &usual, []byte(mailText("x")))
				o.Quit()
				if !out[0].reply.OK() || !then[0].reply.OK() {
					t.Errorf("later %q, %q", out[0].reply, then[0].reply)
				}
			}
		})
	}
	keeps.Mu.Lock()
	defer keeps.Mu.Unlock()
	var told []string
	for _, line := range keeps.Told {
		if strings.Contains(line, "MAIL") {
			told = append(told, line[strings.LastIndexByte(line, ' ')+1:])
		}
	}
	usual := func(s string) bool { return s != "REQUIRETLS" }
	if len(told) != 8 || len(slices.DeleteFunc(told, usual)) != 6 {
		t.Errorf("told %q", keeps.Told)
	}
	if len(inClear.Texts) != 0 || len(without.Texts) != 1 { // the one of the mail without
		t.Error("who does not keep to it has a text")
	}
}

// TestRequireTLSWhileUnknown: while it is not known who some servers of a domain are, such mail
// waits for them.
func TestRequireTLSWhileUnknown(t *testing.T) {
	cert, roots := tlstest.Certificate(t, "mx.far.example")
	without := (&gatewaytest.Foreign{Config: &tls.Config{Certificates: []tls.Certificate{cert}}, Offers: []string{"STARTTLS"}}).Listen(t)
	for _, use := range []client.TLSUse{client.TLSIfOffered, client.TLSRequired} {
		n := nearNode(t, nil)
		host := client.Host{Name: "mx.far.example", Roots: roots, TLS: use, Dial: gatewaytest.DialTo(without.Addr)}
		n.courier.router = routes{"far.example": client.Route{To: "outside", Hosts: []client.Host{host}, Lacking: client.Reason("of one nothing is known")}}
		e := &outbox.Entry{Domain: "far.example", From: "user@local.example", Recipients: []string{"bob@far.example"}, RequireTLS: true}
		out, _ := n.courier.attempt(t.Context(), newLane(t.Context(), "far.example", n.courier.texts), nil, e, []byte(mailText("x")))
		if got := out[0].reply.String(); !strings.HasPrefix(got, "451 4.4.0 ") || !strings.HasSuffix(got, ": of one nothing is known") || !out[0].ours {
			t.Errorf("TLS %d: reply %q", use, got)
		}
	}
}

// TestRequireTLSByNodes: a node that knows REQUIRETLS has such mail with it, and one of an earlier
// version does not have it.
func TestRequireTLSByNodes(t *testing.T) {
	cfg := testConfig
	cfg.NodeKey = by(consensus.Key{9})
	seen := &deliverytest.Verifier{}
	addr := inbound(t, cfg, localStore(t), seen)
	old := peerScript(t, nil)
	for to, want := range map[string]string{addr: "250 2.0.0 ", old.addr: "550 " + client.NoRequireTLS} {
		n := nearNode(t, nil)
		n.courier.router = routes{"local.example": client.Route{To: "node", Dial: tcp(to)}}
		e := &outbox.Entry{Domain: "local.example", From: "user@far.example", Recipients: []string{"user@local.example"}, RequireTLS: true}
		out, o := n.courier.attempt(t.Context(), newLane(t.Context(), "local.example", n.courier.texts), nil, e, []byte(mailText("x")))
		if got := out[0].reply.String(); !strings.HasPrefix(got, want) {
			t.Errorf("reply %q, want %q", got, want)
		}
		if o != nil {
			o.Quit()
		}
	}
	if all := seen.Seen(); len(all) != 1 || !all[0].RequireTLS {
		t.Errorf("arrived: %+v", all)
	}
}

// TestRequireTLSOfReports: what is reported on such mail to a sender elsewhere has REQUIRETLS where
// that is offered within TLS, and is not lost for the want of it.
func TestRequireTLSOfReports(t *testing.T) {
	cert, _ := tlstest.Certificate(t, "mx.far.example")
	for _, tt := range []struct {
		required bool
		ext      []string
		mail     string // how its MAIL ends
	}{
		{false, []string{"STARTTLS", "REQUIRETLS"}, "<>"},
		{true, []string{"STARTTLS", "REQUIRETLS"}, " REQUIRETLS"},
		{true, []string{"STARTTLS"}, "<>"},
		{true, []string{"REQUIRETLS"}, "<>"}, // in clear it counts for nothing
		{true, nil, "<>"},
	} {
		required := tt.required
		server := (&gatewaytest.Foreign{Config: &tls.Config{Certificates: []tls.Certificate{cert}}, Offers: tt.ext, Instead: func(line string, n int) string {
			return map[bool]string{true: "550 5.1.1 gone"}[strings.HasPrefix(line, "RCPT TO:<bob")]
		}}).Listen(t)
		n := nearNode(t, nil)
		host := client.Host{Name: "mx.far.example", Dial: gatewaytest.DialTo(server.Addr)}
		n.courier.router = routes{"far.example": {To: "outside", Hosts: []client.Host{host}}}
		n.run(t)
		env := outbox.Envelope{From: "ann@far.example", Account: 2, Recipients: []string{"bob@far.example"}, RequireTLS: required}
		must(n.queue.Submit(t.Context(), env, []byte(mailText("x"))))(t)
		sealAll(t, n.store, n.queue)
		n.drained(t)
		sealAll(t, n.store, n.queue)
		n.drained(t)
		server.Mu.Lock()
		at := slices.IndexFunc(server.Told, func(l string) bool { return strings.Contains(l, "MAIL FROM:<>") })
		if len(server.Texts) != 1 || at < 0 || !strings.HasSuffix(server.Told[at], tt.mail) {
			t.Errorf("REQUIRETLS %v, offered %q: told %q, has %q", required, tt.ext, server.Told, server.Texts)
		}
		server.Mu.Unlock()
	}
}

// TestRequireTLSHere: what an account submits to another one here, which has it sent on, keeps it.
func TestRequireTLSHere(t *testing.T) {
	n := newForwarding(t, false, "x@far.example")
	e := &outbox.Entry{Domain: "local.example", From: "other@local.example", Recipients: []string{"user@local.example"}, RequireTLS: true}
	out := n.courier.deliverLocal(t.Context(), e, []byte(mailText("here")))
	es := must(n.queue.List(0, 10))(t)
	if !out[0].reply.OK() || len(es) != 1 || !es[0].RequireTLS {
		t.Errorf("%s, queued are %+v", out[0].reply, es)
	}
}

// TestRequireTLSIsSentOn: what an account has sent on keeps it.
func TestRequireTLSIsSentOn(t *testing.T) {
	for _, required := range []bool{true, false} {
		n := newForwarding(t, false, "x@far.example")
		a := &arrival.Arrival{Raw: []byte(mailText("on")), From: "ann@far.example", Recipients: []string{"user@local.example"}, Received: time.Now(), RequireTLS: required}
		if err := n.courier.delivery.Deliver(t.Context(), a, "ref"); err != nil {
			t.Fatal(err)
		}
		es := must(n.queue.List(0, 10))(t)
		if len(es) != 1 || es[0].RequireTLS != required {
			t.Errorf("queued with REQUIRETLS %v: %+v", required, es)
		}
	}
}

// anyTLS is a router of which the hosts may show what they like, to mail that says so.
type anyTLS client.Route

func (r anyTLS) Route(ctx context.Context, domain string) (client.Route, error) {
	return r.RouteFrom(ctx, "", domain, false)
}

func (r anyTLS) RouteFrom(_ context.Context, _, _ string, says bool) (client.Route, error) {
	route := client.Route{To: fmt.Sprintf("outside, any %v", says), Hosts: slices.Clone(r.Hosts)}
	for i := range route.Hosts {
		route.Hosts[i].AnyTLS = says
	}
	return route, nil
}

// TestTLSRequiredNo: mail that says TLS-Required: No leaves as well where TLS fails that the
// domain asks for, but for a server of it with which it does not; mail with REQUIRETLS does not.
func TestTLSRequiredNo(t *testing.T) {
	cert, roots := tlstest.Certificate(t, "mx.far.example")
	config := &tls.Config{Certificates: []tls.Certificate{cert}}
	host := func(name string, s *gatewaytest.Foreign) client.Host {
		return client.Host{Name: name, Roots: roots, TLS: client.TLSRequired, Dial: gatewaytest.DialTo(s.Addr)}
	}
	const no = "TLS-Required: No\r\n"
	for _, tt := range []struct {
		name, field string
		first       *gatewaytest.Foreign
		as          string // the name that the first one's certificate has to be for
		required    bool
		reply, by   string // how it begins; "tls:" or "" before MAIL, and "2" by the second server
	}{
		{"verified", no, &gatewaytest.Foreign{Offers: []string{"STARTTLS"}}, "mx.far.example", false, "250", "tls:"},
		{"another certificate", no, &gatewaytest.Foreign{Offers: []string{"STARTTLS"}}, "other.example", false, "250", "tls:"},
		{"in any case, and folded", "tls-required:\r\n NO \r\n", &gatewaytest.Foreign{Offers: []string{"STARTTLS"}}, "other.example", false, "250", "tls:"},
		{"a broken TLS", no, &gatewaytest.Foreign{Offers: []string{"STARTTLS"}, Broken: true}, "mx.far.example", false, "250", ""},
		{"no STARTTLS", no, &gatewaytest.Foreign{}, "mx.far.example", false, "250", ""},
		{"one that turns away", no, &gatewaytest.Foreign{Banner: "554 no"}, "mx.far.example", false, "451 4.4.0", ""},
		{"with REQUIRETLS", no, &gatewaytest.Foreign{Offers: []string{"STARTTLS", "REQUIRETLS"}}, "other.example", true, "451 4.7.5", ""},
		{"nothing said", "", &gatewaytest.Foreign{Offers: []string{"STARTTLS"}}, "other.example", false, "451 4.7.5", ""},
		{"another value", "TLS-Required: Yes\r\n", &gatewaytest.Foreign{}, "mx.far.example", false, "451 4.7.4", ""},
		{"said twice", no + no, &gatewaytest.Foreign{}, "mx.far.example", false, "451 4.7.4", ""},
		{"sent on by an account", trace.DeliveredTo + "bob@local.example\r\n" + no, &gatewaytest.Foreign{}, "mx.far.example", false, "451 4.7.4", ""},
		{"sent on by a list", no + "List-Id: <team.local.example>\r\n", &gatewaytest.Foreign{}, "mx.far.example", false, "451 4.7.4", ""},
		{"said in the text", "\r\n" + no, &gatewaytest.Foreign{}, "mx.far.example", false, "451 4.7.4", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := tt.first
			server.Config = config
			server.Listen(t)
			n := nearNode(t, nil)
			n.courier.router = anyTLS{Hosts: []client.Host{host(tt.as, server)}}
			e := &outbox.Entry{Domain: "far.example", From: "user@local.example", Recipients: []string{"bob@far.example"}, RequireTLS: tt.required}
			l := newLane(t.Context(), "far.example", n.courier.texts)
			raw := []byte(tt.field + mailText("x"))
			out, o := n.courier.attempt(t.Context(), l, nil, e, raw)
			if got := out[0].reply.String(); !strings.HasPrefix(got, tt.reply) {
				t.Errorf("reply %q, want %q", got, tt.reply)
			}
			if o == nil {
				return
			}
			// What says nothing never goes over that session.
			out, o = n.courier.attempt(t.Context(), l, o, e, []byte(mailText("y")))
			if o != nil {
				o.Quit()
			}
			if verified := tt.name == "verified"; out[0].reply.OK() != verified {
				t.Errorf("then, without: %q", out[0].reply)
			}
			server.Mu.Lock()
			defer server.Mu.Unlock()
			at := slices.IndexFunc(server.Told, func(l string) bool { return strings.Contains(l, "MAIL FROM") })
			if !strings.HasPrefix(server.Told[at], tt.by+"MAIL") || len(server.Texts) == 0 || !strings.Contains(strings.ToLower(server.Texts[0]), "tls-required") {
				t.Errorf("told %q, has %q", server.Told, server.Texts)
			}
		})
	}
	t.Run("the second keeps to it", func(t *testing.T) {
		bad := (&gatewaytest.Foreign{Offers: []string{"STARTTLS"}, Config: config}).Listen(t)
		good := (&gatewaytest.Foreign{Offers: []string{"STARTTLS"}, Config: config}).Listen(t)
		n := nearNode(t, nil)
		n.courier.router = anyTLS{Hosts: []client.Host{host("other.example", bad), host("mx.far.example", good)}}
		e := &outbox.Entry{Domain: "far.example", From: "user@local.example", Recipients: []string{"bob@far.example"}}
		out, o := n.courier.attempt(t.Context(), newLane(t.Context(), "far.example", n.courier.texts), nil, e, []byte(no+mailText("x")))
		if o != nil {
			o.Quit()
		}
		good.Mu.Lock()
		defer good.Mu.Unlock()
		if !out[0].reply.OK() || len(good.Texts) != 1 {
			t.Errorf("%s, it has %d", out[0].reply, len(good.Texts))
		}
	})
}

// Whatever a header is, a field in front of it that says otherwise leaves nothing of what it says.
func FuzzTLSRequired(f *testing.F) {
	f.Add([]byte("TLS-Required: No\r\nFrom: a@b.example\r\n\r\nx"))
	f.Add([]byte("tls-required :\r\n no\r\n\r\nTLS-Required: No\r\n"))
	f.Add([]byte("\r\nTLS-Required: No\r\n"))
	f.Add([]byte(" TLS-Required: No"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		said := saysAnyTLS(raw)
		if said && saysAnyTLS(append([]byte("TLS-Required: No\r\n"), raw...)) {
			t.Errorf("two fields of which one counts: %q", raw)
		}
		if said != saysAnyTLS(append([]byte("Cairn-Record: x\r\n"), raw...)) && len(raw) > 0 && raw[0] != ' ' && raw[0] != '\t' && raw[0] != '\r' {
			t.Errorf("what stands on top changes what is said: %q", raw)
		}
	})
}
