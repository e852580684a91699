package smtpgw

import (
	"net"
	"net/smtp"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cairn/consensus"
	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/deliverytest"
	"cairn/smtpgw/screen"
	"cairn/smtpgw/trace"
)

// TestSubmissionByForeignClient sends with the standard library's client and
// looks at what is stored and queued.
func TestSubmissionByForeignClient(t *testing.T) {
	st := localStore(t)
	addr, q := submission(t, testConfig, st)
	msg := "From: User <user@local.example>\r\nTo: ann@far.example\r\nBcc: secret@far.example\r\nSubject: hi\r\nX-Odd:  spaced \r\n\r\n.dot\r\ngr\xc3\xbc\xc3\x9fe\r\n"
	err := smtp.SendMail(addr, nil, "User@local.example", []string{"ann@far.example", "secret@far.example", "other@local.example"}, []byte(msg))
	if err != nil {
		t.Fatal(err)
	}
	sent := inboxOf(t, st, "user@local.example", "sent")
	if len(sent) != 1 {
		t.Fatalf("%d sent copies", len(sent))
	}
	want := regexp.MustCompile(`^Received: from localhost \(\[127\.0\.0\.1\]\)\r\n\tby mx\.local\.example \(Cairn\) with UTF8SMTP id ([0-9a-f]{16});\r\n\t[^\r]*\r\n` +
		`Date: [^\r]*\r\nMessage-ID: <([0-9a-f]{16})@mx\.local\.example>\r\n` +
		regexp.QuoteMeta(strings.Replace(msg, "Bcc: secret@far.example\r\n", "", 1)) + "$")
	m := want.FindStringSubmatch(sent[0])
	if m == nil {
		t.Fatalf("stored %q", sent[0])
	}
	var got []string
	for _, e := range must(q.Unsealed(0, 10))(t) {
		got = append(got, e.Domain+" "+strings.Join(e.Recipients, ","))
		if e.Ref != m[1] || e.From != "User@local.example" || e.Account != 2 || e.Message != 1 {
			t.Errorf("entry %+v", e)
		}
		if raw := must(q.Raw(e))(t); string(raw) != sent[0] {
			t.Errorf("queued %q", raw)
		}
	}
	if want := []string{"far.example secret@far.example", "far.example ann@far.example", "local.example other@local.example"}; !slices.Equal(got, want) {
		t.Errorf("entries %q, want %q", got, want)
	}
}

func TestInboundDelivery(t *testing.T) {
	st := localStore(t)
	key := consensus.Key{7}
	cfg := testConfig
	cfg.NodeKey = func(net.Conn) *consensus.Key { return &key }
	v := &deliverytest.Verifier{Found: screen.Finding{Verdict: record.Replayed}}
	d := greeted(t, inbound(t, cfg, st, v))
	below := "Authentication-Results: mx.far.example; dkim=pass\r\n" + mailText("hello")
	forged := "Authentication-Results: MX.local.example;\r\n x-cairn=pass reason=\"verdict=verified\"\r\n"
	d.say("MAIL FROM:<S@Peer.example>\r\n", "^250")
	for _, rcpt := range []string{"USER@local.example", "alias@local.example", "other@local.example", "postmaster", "user@local.example"} {
		d.say("RCPT TO:<"+rcpt+">\r\n", "^250")
	}
	d.say("DATA\r\n", "^354")
	ref := regexp.MustCompile(`[0-9a-f]{16}`).FindString(d.say(forged+below+".\r\n", "^250 2.0.0 "))

	a := v.Seen()[0]
	if string(a.Raw) != forged+below || a.From != "S@peer.example" || a.Peer.Helo != "client.example" || *a.Peer.Node != key || a.Peer.Protocol != "ESMTP" {
		t.Errorf("arrival %+v", a)
	}
	if want := []string{"USER@local.example", "alias@local.example", "other@local.example", "postmaster@local.example"}; !slices.Equal(a.Recipients[:4], want) {
		t.Errorf("recipients %q, want %q", a.Recipients, want)
	}
	for _, addr := range []string{"user@local.example", "other@local.example", "admin@local.example"} {
		got := inboxOf(t, st, addr, "spam")
		if len(got) != 1 {
			t.Fatalf("%d copies for %s", len(got), addr)
		}
		trace, ok := strings.CutSuffix(got[0], below)
		if !ok || !regexp.MustCompile(`^Return-Path: <S@peer\.example>\r\nAuthentication-Results: mx\.local\.example;\r\n\tx-cairn=policy reason="verdict=replayed"\r\nReceived: from client\.example \(libp2p node 07[0-9a-f]*\)\r\n\tby mx\.local\.example \(Cairn\) with ESMTP id `+ref+`;\r\n\t[^\r]*\r\n$`).MatchString(trace) {
			t.Errorf("stored %q", got[0])
		}
	}
	err := st.View(func(r *mailstore.Reader) error {
		m, err := r.Message(2, 1)
		if err == nil && (m.Outgoing || m.From != "S@peer.example" || !slices.Equal(m.Recipients, []string{"USER@local.example", "alias@local.example"})) {
			t.Errorf("message %+v", m)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestSameRecordIsNotStoredTwice: a courier whose 250 was lost comes again.
func TestSameRecordIsNotStoredTwice(t *testing.T) {
	st := localStore(t)
	addr := inbound(t, testConfig, st, &deliverytest.Verifier{})
	for range 2 {
		d := greeted(t, addr)
		d.say("MAIL FROM:<s@peer.example>\r\nRCPT TO:<user@local.example>\r\nDATA\r\n", "^250")
		d.expect("^250")
		d.expect("^354")
		d.say("Cairn-Record: one\r\n"+mailText("twice")+".\r\n", "^250")
	}
	if n := len(inboxOf(t, st, "user@local.example", "inbox")); n != 1 {
		t.Fatalf("%d copies", n)
	}
}

func TestUTF8Addresses(t *testing.T) {
	st := storeWith(t, "jo=jörg@local.example")
	v := &deliverytest.Verifier{}
	d := greeted(t, inbound(t, testConfig, st, v))
	d.say("MAIL FROM:<ü@BÜCHER.example> SMTPUTF8\r\n", "^250")
	d.say("RCPT TO:<JÖRG@local.example>\r\n", "^250")
	d.say("DATA\r\n", "^354")
	d.say(mailText("utf8")+".\r\n", "^250")
	a := v.Seen()[0]
	if a.From != "ü@xn--bcher-kva.example" || a.Recipients[0] != "JÖRG@local.example" || a.Peer.Protocol != "UTF8SMTP" {
		t.Errorf("arrival %+v", a)
	}
}

// TestSubmitter is the way in that is no SMTP session.
func TestSubmitter(t *testing.T) {
	st := localStore(t)
	q := outbox.New(st)
	s := NewSubmitter(testConfig, st, q)
	peer := trace.Peer{Addr: "local", Helo: "cli", Protocol: "LOCAL"}
	r, err := s.Submit(t.Context(), peer, "user@local.example", []string{"Ann@FAR.example"}, []byte(mailText("api")))
	if err != nil || r.Account != 2 || r.Message != 1 || !strings.HasSuffix(string(r.Raw), mailText("api")) {
		t.Fatalf("receipt %+v (%v)", r, err)
	}
	if e := must(q.List(0, 1))(t)[0]; e.Recipients[0] != "Ann@far.example" || e.Ref != r.Ref {
		t.Errorf("entry %+v", e)
	}
	for _, tt := range []struct {
		from, to, raw string
		want          string
	}{
		{"stranger@far.example", "a@far.example", mailText("x"), "not an address of any account"},
		{"user@local.example", "nobody@local.example", mailText("x"), "no mailbox"},
		{"user@local.example", "far.example", mailText("x"), "no domain"},
		{"user@local.example", "", mailText("x"), "no domain"},
		{"user@local.example", "a@far.example", "From: a@b\n\n", "bare LF"},
		{"user@local.example", "a@far.example", "To: a@b\r\n\r\n", "no From"},
		{"user@local.example", "a@far.example", "From: a@b\r\n" + strings.Repeat("a:\r\n", 4096), "4096 lines"},
	} {
		if _, err := s.Submit(t.Context(), peer, tt.from, []string{tt.to}, []byte(tt.raw)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: error %v, want %q", tt, err, tt.want)
		}
	}
	if _, err := s.Submit(t.Context(), peer, "user@local.example", nil, []byte(mailText("x"))); err == nil {
		t.Error("mail for nobody was taken")
	}
}
