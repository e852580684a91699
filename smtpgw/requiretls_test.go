package smtpgw

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
	"cairn/smtpgw/tlstest"
	"cairn/smtpgw/trace"
)

// TestRequireTLSIsTaken: REQUIRETLS is offered within TLS and to nodes alone, and kept with what is
// queued; reports on such mail have no body, whatever RET says.
func TestRequireTLSIsTaken(t *testing.T) {
	cert, roots := tlstest.Certificate(t, "mx.local.example")
	cfg := testConfig
	cfg.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	st := localStore(t)
	seen := &verifier{}
	posting, q := submission(t, cfg, st)
	const mail = "MAIL FROM:<user@local.example>"
	for addr, to := range map[string]string{posting: "bob@far.example", inbound(t, cfg, st, seen): "other@local.example"} {
		d := dial(t, addr)
		d.expect("^220 ")
		if offers := d.say("EHLO client.example\r\n", "^250 "); strings.Contains(offers, requireTLS) {
			t.Errorf("offered in clear: %q", offers)
		}
		d.say(mail+" REQUIRETLS\r\n", "^555 5.5.4 ")
		d.say("STARTTLS\r\n", "^220 ")
		d.encrypt(&tls.Config{ServerName: "mx.local.example", RootCAs: roots})
		if offers := d.say("EHLO client.example\r\n", "^250 "); !strings.Contains(offers, "250-REQUIRETLS\r\n") {
			t.Errorf("offered within TLS: %q", offers)
		}
		d.say(mail+" REQUIRETLS=1\r\n", "^501 5.5.4 a parameter lacks")
		d.say(mail+" REQUIRETLS requiretls\r\n", "^501 5.5.4 .*twice")
		d.say(mail+" requiretls RET=FULL\r\n", "^250 ")
		d.say("RCPT TO:<"+to+"> REQUIRETLS\r\n", "^555 5.5.4 ")
		d.say("RCPT TO:<"+to+">\r\n", "^250 ")
		d.say("DATA\r\n", "^354 ")
		d.say(mailText("required")+".\r\n", "^250 ")
		d.say(mail+" RET=FULL\r\n", "^250 ")
		d.say("RCPT TO:<"+to+">\r\n", "^250 ")
		d.say("DATA\r\n", "^354 ")
		d.say(mailText("as usual")+".\r\n", "^250 ")
	}
	es := must(q.List(0, 10))(t)
	if len(es) != 2 || !es[0].RequireTLS || es[0].DSN.Full || !es[0].DSN.HDRS || es[1].RequireTLS || !es[1].DSN.Full {
		t.Errorf("queued are %+v", es)
	}
	if all := seen.seen(); len(all) != 2 || !all[0].RequireTLS || all[1].RequireTLS {
		t.Errorf("arrived are %+v", all)
	}
	cfg.NodeKey = by(consensus.Key{9})
	in := dial(t, inbound(t, cfg, st, &verifier{}))
	in.expect("^220 ")
	if offers := in.say("EHLO client.example\r\n", "^250 "); !strings.Contains(offers, "250-REQUIRETLS\r\n") {
		t.Errorf("nodes are offered %q", offers)
	}
	in.say(mail+" REQUIRETLS\r\n", "^250 ")
}

// TestRequireTLSToHosts: such mail goes only to servers whose TLS is verified and which offer
// REQUIRETLS, each of a domain's being asked; else it comes back.
func TestRequireTLSToHosts(t *testing.T) {
	cert, roots := tlstest.Certificate(t, "mx.far.example")
	config := &tls.Config{Certificates: []tls.Certificate{cert}}
	server := func(after ...string) *foreignServer {
		return (&foreignServer{config: config, ext: []string{"STARTTLS", "REQUIRETLS"}, after: append([]string{"8BITMIME"}, after...)}).listen(t)
	}
	host := func(s *foreignServer, use TLSUse) Host {
		return Host{Name: "mx.far.example", Roots: roots, TLS: use, Dial: dialTo(s.addr)}
	}
	other := func(h Host) Host { h.Name = "other.example"; return h }
	anybody := func(h Host) Host {
		h.Verify, h.Unproved = func(*tls.ConnectionState) error { return nil }, true
		return h
	}
	keeps, without := server("REQUIRETLS"), server()
	inClear := (&foreignServer{ext: []string{"REQUIRETLS"}}).listen(t)
	closed := Host{Name: "closed.example", TLS: TLSRequired, Dial: dialTo("127.0.0.1:1")}
	const why, lost = "550 " + noRequireTLS, "451 4."
	for _, tt := range []struct {
		name  string
		hosts []Host
		reply string // how it begins
	}{
		{"verified", []Host{host(keeps, TLSRequired)}, "250 taken"},
		{"by a key that is published", []Host{func() Host { h := other(host(keeps, TLSRequired)); h.Verify = published(cert); return h }()}, "250 taken"},
		{"nobody vouches for the name", []Host{host(keeps, TLSIfOffered)}, "550 " + unproved},
		{"encrypted, and nobody vouches for the name", []Host{anybody(other(host(keeps, TLSRequired)))}, "550 " + unproved},
		{"by the second, if somebody vouched for it", []Host{host(without, TLSRequired), anybody(host(keeps, TLSRequired))}, why},
		{"not offered", []Host{host(without, TLSRequired)}, why},
		{"offered by the second", []Host{host(without, TLSRequired), host(keeps, TLSRequired)}, "250 taken"},
		{"by the second, if it were verified", []Host{host(without, TLSRequired), host(keeps, TLSIfOffered)}, why},
		{"the other one is away", []Host{host(without, TLSRequired), closed}, lost},
		{"another certificate", []Host{other(host(keeps, TLSRequired))}, lost + "7.5"},
		{"offered in clear", []Host{host(inClear, TLSRequired)}, lost + "7.4"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := nearNode(t, nil)
			n.courier.router = routes{"far.example": Route{To: "outside", Hosts: tt.hosts}}
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
				o.quit()
				if !out[0].reply.OK() || !then[0].reply.OK() {
					t.Errorf("later %q, %q", out[0].reply, then[0].reply)
				}
			}
		})
	}
	keeps.mu.Lock()
	defer keeps.mu.Unlock()
	var told []string
	for _, line := range keeps.told {
		if strings.Contains(line, "MAIL") {
			told = append(told, line[strings.LastIndexByte(line, ' ')+1:])
		}
	}
	usual := func(s string) bool { return s != requireTLS }
	if len(told) != 8 || len(slices.DeleteFunc(told, usual)) != 6 {
		t.Errorf("told %q", keeps.told)
	}
	if len(inClear.texts) != 0 || len(without.texts) != 1 { // the one of the mail without
		t.Error("who does not keep to it has a text")
	}
}

// TestRequireTLSWhileUnknown: while it is not known who some servers of a domain are, such mail
// waits for them.
func TestRequireTLSWhileUnknown(t *testing.T) {
	cert, roots := tlstest.Certificate(t, "mx.far.example")
	without := (&foreignServer{config: &tls.Config{Certificates: []tls.Certificate{cert}}, ext: []string{"STARTTLS"}}).listen(t)
	for _, use := range []TLSUse{TLSIfOffered, TLSRequired} {
		n := nearNode(t, nil)
		host := Host{Name: "mx.far.example", Roots: roots, TLS: use, Dial: dialTo(without.addr)}
		n.courier.router = routes{"far.example": Route{To: "outside", Hosts: []Host{host}, Lacking: Reason("of one nothing is known")}}
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
	seen := &verifier{}
	addr := inbound(t, cfg, localStore(t), seen)
	old := peerScript(t, nil)
	for to, want := range map[string]string{addr: "250 2.0.0 ", old.addr: "550 " + noRequireTLS} {
		n := nearNode(t, nil)
		n.courier.router = routes{"local.example": Route{To: "node", Dial: tcp(to)}}
		e := &outbox.Entry{Domain: "local.example", From: "user@far.example", Recipients: []string{"user@local.example"}, RequireTLS: true}
		out, o := n.courier.attempt(t.Context(), newLane(t.Context(), "local.example", n.courier.texts), nil, e, []byte(mailText("x")))
		if got := out[0].reply.String(); !strings.HasPrefix(got, want) {
			t.Errorf("reply %q, want %q", got, want)
		}
		if o != nil {
			o.quit()
		}
	}
	if all := seen.seen(); len(all) != 1 || !all[0].RequireTLS {
		t.Errorf("arrived: %+v", all)
	}
}

// TestRequireTLSBySubmitters: what a program asks of the node itself, and what a mail server beside
// it has taken so, goes with REQUIRETLS, and is reported on without its text.
func TestRequireTLSBySubmitters(t *testing.T) {
	st := localStore(t)
	q := outbox.New(st)
	s := NewSubmitter(testConfig, st, q)
	peer, from, to, raw := trace.Peer{Protocol: trace.ProtocolLocal}, "user@local.example", "bob@far.example", []byte(mailText("x"))
	must(s.Submit(t.Context(), peer, from, []string{to}, raw))(t)
	must(s.SubmitRequiringTLS(t.Context(), peer, from, []string{to}, raw))(t)
	for _, given := range []map[string]string{{"RET": "FULL"}, {"RET": "FULL", "REQUIRETLS": ""}} {
		mail := func(name string) (string, bool) { v, ok := given[name]; return v, ok }
		none := func(string) (string, bool) { return "", false }
		must(s.SubmitFor(t.Context(), peer, from, mail, []To{{to, none}}, false, raw))(t)
	}
	for i, e := range must(q.List(0, 10))(t) {
		if want := i%2 == 1; e.RequireTLS != want || e.DSN.HDRS != want || e.DSN.Full != (i == 2) {
			t.Errorf("queued is %+v", e)
		}
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
		server := (&foreignServer{config: &tls.Config{Certificates: []tls.Certificate{cert}}, ext: tt.ext, instead: func(line string, n int) string {
			return map[bool]string{true: "550 5.1.1 gone"}[strings.HasPrefix(line, "RCPT TO:<bob")]
		}}).listen(t)
		n := nearNode(t, nil)
		host := Host{Name: "mx.far.example", Dial: dialTo(server.addr)}
		n.courier.router = routes{"far.example": {To: "outside", Hosts: []Host{host}}}
		n.run(t)
		env := outbox.Envelope{From: "ann@far.example", Account: 2, Recipients: []string{"bob@far.example"}, RequireTLS: required}
		must(n.queue.Submit(t.Context(), env, []byte(mailText("x"))))(t)
		sealAll(t, n.store, n.queue)
		n.drained(t)
		sealAll(t, n.store, n.queue)
		n.drained(t)
		server.mu.Lock()
		at := slices.IndexFunc(server.told, func(l string) bool { return strings.Contains(l, "MAIL FROM:<>") })
		if len(server.texts) != 1 || at < 0 || !strings.HasSuffix(server.told[at], tt.mail) {
			t.Errorf("REQUIRETLS %v, offered %q: told %q, has %q", required, tt.ext, server.told, server.texts)
		}
		server.mu.Unlock()
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
type anyTLS Route

func (r anyTLS) Route(ctx context.Context, domain string) (Route, error) {
	return r.RouteFrom(ctx, "", domain, false)
}

func (r anyTLS) RouteFrom(_ context.Context, _, _ string, says bool) (Route, error) {
	route := Route{To: fmt.Sprintf("outside, any %v", says), Hosts: slices.Clone(r.Hosts)}
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
	host := func(name string, s *foreignServer) Host {
		return Host{Name: name, Roots: roots, TLS: TLSRequired, Dial: dialTo(s.addr)}
	}
	const no = "TLS-Required: No\r\n"
	for _, tt := range []struct {
		name, field string
		first       *foreignServer
		as          string // the name that the first one's certificate has to be for
		required    bool
		reply, by   string // how it begins; "tls:" or "" before MAIL, and "2" by the second server
	}{
		{"verified", no, &foreignServer{ext: []string{"STARTTLS"}}, "mx.far.example", false, "250", "tls:"},
		{"another certificate", no, &foreignServer{ext: []string{"STARTTLS"}}, "other.example", false, "250", "tls:"},
		{"in any case, and folded", "tls-required:\r\n NO \r\n", &foreignServer{ext: []string{"STARTTLS"}}, "other.example", false, "250", "tls:"},
		{"a broken TLS", no, &foreignServer{ext: []string{"STARTTLS"}, broken: true}, "mx.far.example", false, "250", ""},
		{"no STARTTLS", no, &foreignServer{}, "mx.far.example", false, "250", ""},
		{"one that turns away", no, &foreignServer{banner: "554 no"}, "mx.far.example", false, "451 4.4.0", ""},
		{"with REQUIRETLS", no, &foreignServer{ext: []string{"STARTTLS", "REQUIRETLS"}}, "other.example", true, "451 4.7.5", ""},
		{"nothing said", "", &foreignServer{ext: []string{"STARTTLS"}}, "other.example", false, "451 4.7.5", ""},
		{"another value", "TLS-Required: Yes\r\n", &foreignServer{}, "mx.far.example", false, "451 4.7.4", ""},
		{"said twice", no + no, &foreignServer{}, "mx.far.example", false, "451 4.7.4", ""},
		{"sent on by an account", trace.DeliveredTo + "bob@local.example\r\n" + no, &foreignServer{}, "mx.far.example", false, "451 4.7.4", ""},
		{"sent on by a list", no + "List-Id: <team.local.example>\r\n", &foreignServer{}, "mx.far.example", false, "451 4.7.4", ""},
		{"said in the text", "\r\n" + no, &foreignServer{}, "mx.far.example", false, "451 4.7.4", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := tt.first
			server.config = config
			server.listen(t)
			n := nearNode(t, nil)
			n.courier.router = anyTLS{Hosts: []Host{host(tt.as, server)}}
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
				o.quit()
			}
			if verified := tt.name == "verified"; out[0].reply.OK() != verified {
				t.Errorf("then, without: %q", out[0].reply)
			}
			server.mu.Lock()
			defer server.mu.Unlock()
			at := slices.IndexFunc(server.told, func(l string) bool { return strings.Contains(l, "MAIL FROM") })
			if !strings.HasPrefix(server.told[at], tt.by+"MAIL") || len(server.texts) == 0 || !strings.Contains(strings.ToLower(server.texts[0]), "tls-required") {
				t.Errorf("told %q, has %q", server.told, server.texts)
			}
		})
	}
	t.Run("the second keeps to it", func(t *testing.T) {
		bad := (&foreignServer{ext: []string{"STARTTLS"}, config: config}).listen(t)
		good := (&foreignServer{ext: []string{"STARTTLS"}, config: config}).listen(t)
		n := nearNode(t, nil)
		n.courier.router = anyTLS{Hosts: []Host{host("other.example", bad), host("mx.far.example", good)}}
		e := &outbox.Entry{Domain: "far.example", From: "user@local.example", Recipients: []string{"bob@far.example"}}
		out, o := n.courier.attempt(t.Context(), newLane(t.Context(), "far.example", n.courier.texts), nil, e, []byte(no+mailText("x")))
		if o != nil {
			o.quit()
		}
		good.mu.Lock()
		defer good.mu.Unlock()
		if !out[0].reply.OK() || len(good.texts) != 1 {
			t.Errorf("%s, it has %d", out[0].reply, len(good.texts))
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
