package smtpgw

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/mailstore"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/client"
	"cairn/smtpgw/deliverytest"
	"cairn/smtpgw/holder"
	"cairn/smtpgw/refuse"
	"cairn/smtpgw/trace"
)

// mailServer is what stands beside a node: mailboxes whose route it knows.
func mailServer(dial client.Dialer, err error, addresses ...string) func(context.Context, string) (client.Route, error) {
	return func(_ context.Context, address string) (client.Route, error) {
		if !slices.Contains(addresses, address) {
			return client.Route{}, client.ErrNoRoute
		}
		return client.Route{To: "beside", Dial: dial, Beside: true}, err
	}
}

// Mail for a mailbox of the mail server beside this node is handed to it with what it was judged to
// be, whoever brings it. Another node of the organisation is asked first, unless it is the one that
// brings it.
func TestBeside(t *testing.T) {
	there, seen := storeWith(t, "cleo=cleo@local.example"), &deliverytest.Verifier{}
	dial := tcp(inbound(t, testConfig, there, seen))
	cfg := testConfig
	cfg.NodeKey = by(consensus.Key{9})
	cfg.Holders.Beside = mailServer(dial, nil, "cleo@local.example")
	for i, siblings := range []holder.Siblings{nil, &family{}, &family{keys: []consensus.Key{{9}}, fail: errors.New("it is not to be asked")}} {
		if cfg.Holders.Siblings = siblings; i == 2 {
			siblings.(*family).at = map[string]client.Route{"cleo@local.example": {}}
		}
		c := greeted(t, inbound(t, cfg, localStore(t), &deliverytest.Verifier{}))
		c.say("MAIL FROM:<x@far.example>\r\n", "^250 ")
		c.say("RCPT TO:<nobody@local.example>\r\n", "^(550 5.1.1|451 4.4.6) ")
		c.say("RCPT TO:<cleo@local.example>\r\n", "^250 ")
		c.say("DATA\r\n", "^354 ")
		c.say("Authentication-Results: mx.local.example; x-cairn=pass\r\nX-Spam-Flag: NO\r\nSubject: beside\r\n\r\nx\r\n.\r\n", "^250 ")
		got := seen.Seen()
		raw := string(got[len(got)-1].Raw)
		if len(got) != i+1 || strings.Count(raw, "Authentication-Results:") != 1 || !strings.Contains(raw, "x-cairn=") || strings.Contains(raw, "x-cairn=pass\r\nX-Spam") ||
			strings.Contains(raw, "X-Spam-Flag: NO") || strings.Contains(raw, courierName) || !strings.HasSuffix(raw, "Subject: beside\r\n\r\nx\r\n") {
			t.Errorf("%d: %d arrived, the last as\n%s", i, len(got), raw)
		}
	}
	// What is not known now is no "nobody".
	cfg.Holders.Siblings, cfg.Holders.Beside = nil, mailServer(dial, errors.New("away"), "cleo@local.example")
	c := greeted(t, inbound(t, cfg, localStore(t), &deliverytest.Verifier{}))
	c.say("MAIL FROM:<x@far.example>\r\n", "^250 ")
	c.say("RCPT TO:<cleo@local.example>\r\n", "^451 4.4.1 ")
}

// What a client asked about reports is kept with what another mail server took of it.
func TestAskedThere(t *testing.T) {
	params := func(list ...string) Parameter {
		return func(name string) (string, bool) {
			i := slices.Index(list, name)
			if i < 0 {
				return "", false
			}
			return list[i+1], true
		}
	}
	dsn, err := askedThere(params("RET", "FULL", "ENVID", "a+2Bb+"), []To{
		{"Bob@Bravo.example", params("NOTIFY", "success,FAILURE", "ORCPT", "RFC822;b+40bravo.example")},
		{"eve@bravo.example", params()}, {"dora@bravo.example", params("NOTIFY", "NEVER")},
	})
	want := outbox.DSN{Full: true, EnvID: "a+b+", Asked: []outbox.Asked{
		{Recipient: "Bob@bravo.example", Notify: outbox.NotifySuccess | outbox.NotifyFailure, Original: "rfc822;b@bravo.example"},
		{Recipient: "dora@bravo.example", Notify: outbox.NotifyNever},
	}}
	if err != nil || !reflect.DeepEqual(dsn, want) {
		t.Errorf("%+v, %v", dsn, err)
	}
	for name, given := range map[string]Parameter{"ENVID": params("ENVID", strings.Repeat("x", 101)), "a line": params("ENVID", "a+0D+0Ab")} {
		if _, err := askedThere(given, nil); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if _, err := askedThere(params(), []To{{"a@b.example", params("ORCPT", "rfc822;"+strings.Repeat("x", 600))}}); err == nil {
		t.Error("a long ORCPT is taken")
	}
}

// TestRequireTLSThere: what another mail server took with REQUIRETLS goes on with it, and what is
// reported on it has no body.
func TestRequireTLSThere(t *testing.T) {
	st := localStore(t)
	q := outbox.New(st)
	s := NewSubmitter(testConfig, st, q)
	none := func(string) (string, bool) { return "", false }
	for _, required := range []bool{true, false} {
		mail := func(name string) (string, bool) {
			if name == "RET" {
				return "FULL", true
			}
			return "", required && name == "REQUIRETLS"
		}
		to := []To{{"bob@far.example", none}}
		if _, err := s.SubmitFor(t.Context(), trace.Peer{Addr: "local"}, "user@local.example", mail, to, false, []byte(mailText("x"))); err != nil {
			t.Fatal(err)
		}
	}
	es := must(q.List(0, 10))(t)
	if len(es) != 2 || !es[0].RequireTLS || es[0].DSN.Full || !es[0].DSN.HDRS || es[1].RequireTLS || !es[1].DSN.Full {
		t.Errorf("queued are %+v", es)
	}
}

// TestOneOfSeveralThere: the reply to a mail server is about all recipients of a mail, so it is no
// refusal for what is wrong with one of several: the queue reports on that one.
func TestOneOfSeveralThere(t *testing.T) {
	none := func(string) (string, bool) { return "", false }
	for _, tt := range []struct {
		to    []string
		stays bool
		want  string // of the refusal; empty: it is taken for all
	}{
		{[]string{"gone@far.example"}, false, "550 5.1.1 <gone@far.example> is gone"},
		{[]string{"x@nowhere.example"}, false, "550 5.1.10 takes no mail"},
		{[]string{"gone@far.example"}, true, ""},
		{[]string{"x@nowhere.example"}, true, ""},
		{[]string{"bob@far.example", "gone@far.example", "x@nowhere.example"}, false, ""},
	} {
		st := localStore(t)
		q, cfg := outbox.New(st), testConfig
		cfg.RelayFrom = nil
		cfg.Nowhere = func(_ context.Context, domain string) error {
			if domain == "nowhere.example" {
				return refuse.With(550, 5, 1, 10, "takes no mail")
			}
			return nil
		}
		s := NewSubmitter(cfg, st, q)
		err := st.Update(t.Context(), func(tx *mailstore.Tx) error {
			_, err := s.Suppress(tx, 2, "gone@far.example", time.Hour)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		var to []To
		for _, address := range tt.to {
			to = append(to, To{address, none})
		}
		_, err = s.SubmitFor(t.Context(), trace.Peer{Addr: "local"}, "user@local.example", none, to, tt.stays, []byte(mailText("x")))
		queued := 0
		for _, e := range must(q.List(0, 10))(t) {
			queued += len(e.Recipients)
		}
		if tt.want != "" {
			if err == nil || !strings.Contains(err.Error(), tt.want) || queued != 0 {
				t.Errorf("to %q: %v, %d queued; want %q", tt.to, err, queued, tt.want)
			}
		} else if err != nil || queued != len(tt.to) {
			t.Errorf("to %q, where another stays: %v; %v, %d queued", tt.to, tt.stays, err, queued)
		}
	}
}
