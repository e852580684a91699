package courier

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/outbox"
)

// asking submits a message with what is asked about its recipients.
func (n *node) asking(t *testing.T, dsn outbox.DSN, to ...string) {
	t.Helper()
	env := outbox.Envelope{From: "user@local.example", Account: 2, Recipients: to, DSN: dsn}
	must(n.queue.Submit(t.Context(), env, []byte("To: "+strings.Join(to, ", ")+"\r\n"+mailText("asked"))))(t)
	sealAll(t, n.store, n.queue)
}

// A report tells of those about whom it was asked, in the words of RFC 3464.
func TestReportsObeyNotify(t *testing.T) {
	const never, success, failure, delay = outbox.NotifyNever, outbox.NotifySuccess, outbox.NotifyFailure, outbox.NotifyDelay
	for _, tt := range []struct {
		name     string
		asked    map[string]outbox.Notify
		full     bool
		actions  string // of a and b, who are refused, c, who is taken elsewhere, and other, who is here
		contains string
	}{
		{"nothing", nil, false, "failed failed", "Subject: Mail not delivered: asked\r\n"},
		{"never", map[string]outbox.Notify{"a": never, "b": never}, false, "", ""},
		{"one never", map[string]outbox.Notify{"a": never}, false, "failed", "\r\nOriginal-Recipient: rfc822; was-a@old.example\r\n"},
		{"other things", map[string]outbox.Notify{"a": success, "b": delay}, false, "", ""},
		{"success", map[string]outbox.Notify{"a": never, "b": never, "c": success, "other": success | failure}, false, "delivered relayed", "Subject: Mail delivered: asked\r\n"},
		{"both", map[string]outbox.Notify{"a": failure, "b": never, "c": success}, false, "failed relayed", "Subject: Mail not delivered: asked\r\n"},
		{"whole", nil, true, "failed failed", "Content-Type: message/rfc822\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := nearNode(t, nil)
			script := peerScript(t, map[string]string{"a": "550 5.1.1 gone", "b": "550 5.1.1 gone too", "c": "250 2.1.5 fine"})
			n.courier.router = routes{"far.example": {Dial: tcp(script.addr)}, "local.example": {Local: true}}
			dsn := outbox.DSN{Full: tt.full, EnvID: "id 1"}
			for who, asked := range tt.asked {
				address := who + "@far.example"
				if who == "other" {
					address = "other@local.example"
				}
				dsn.Asked = append(dsn.Asked, outbox.Asked{Recipient: address, Notify: asked})
			}
			if tt.name == "one never" {
				dsn.Asked = append(dsn.Asked, outbox.Asked{Recipient: "b@far.example", Original: "rfc822;was-a@old.example"})
			}
			n.run(t)
			n.asking(t, dsn, "a@far.example", "b@far.example", "c@far.example", "other@local.example")
			n.drained(t)
			got := inboxOf(t, n.store, "user@local.example", "inbox")
			if tt.actions == "" {
				if len(got) != 0 {
					t.Errorf("reports %q", got)
				}
				return
			}
			if len(got) != 1 {
				t.Fatalf("%d reports", len(got))
			}
			_, parts := partsOf(t, got[0])
			var actions []string
			for line := range strings.SplitSeq(parts[1], "\r\n") {
				if action, is := strings.CutPrefix(line, "Action: "); is {
					actions = append(actions, action)
				}
			}
			slices.Sort(actions)
			if strings.Join(actions, " ") != tt.actions || !strings.Contains(got[0], tt.contains) || !strings.HasPrefix(parts[1], "Original-Envelope-Id: id 1\r\nReporting-MTA: ") {
				t.Errorf("actions %q in %q", actions, got[0])
			}
			if strings.Contains(parts[2], "Hello.") != tt.full {
				t.Errorf("the message in the report: %q", parts[2])
			}
		})
	}
}

// A server that offers DSN is told what was asked, and reports on success itself.
func TestDSNIsHandedOn(t *testing.T) {
	for _, offers := range []bool{true, false} {
		var mu sync.Mutex
		var heard []string
		far := &odd{banner: "220 hello\r\n", answer: func(verb string) string {
			switch {
			case verb == "EHLO" && offers:
				return "250-mx.far.example\r\n250-SIZE\r\n250 DSN"
			case verb == "DATA":
				return "354 go on"
			}
			return "250 fine"
		}, heard: func(line string) {
			mu.Lock()
			defer mu.Unlock()
			heard = append(heard, line)
		}}
		n := nearNode(t, nil)
		n.courier.router = routes{"far.example": {Dial: far.dial}, "local.example": {Local: true}}
		stop := n.run(t)
		n.asking(t, outbox.DSN{Full: true, EnvID: "a+b =", Asked: []outbox.Asked{
			{Recipient: "bob@far.example", Notify: outbox.NotifySuccess | outbox.NotifyDelay, Original: "rfc822;Bob x@old.example"},
			{Recipient: "eve@far.example", Original: "utf-8;\u00e4@old.example"},
		}}, "bob@far.example", "eve@far.example")
		n.drained(t)
		stop()
		mu.Lock()
		all := strings.Join(heard, "\n") + "\n"
		mu.Unlock()
		for _, line := range []string{
			" RET=FULL ENVID=a+2Bb+20+3D\n", "RCPT TO:<bob@far.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Bob+20x@old.example\n",
		} {
			if strings.Contains(all, line) != offers {
				t.Errorf("offers %v: heard %q", offers, all)
			}
		}
		if !strings.Contains(all, "RCPT TO:<eve@far.example>\n") {
			t.Errorf("offers %v: heard %q", offers, all)
		}
		if got := inboxOf(t, n.store, "user@local.example", "inbox"); (len(got) == 0) != offers {
			t.Errorf("offers %v: reports %q", offers, got)
		}
	}
}

// Of mail that waits, or could not be recorded, nobody is told who did not want it.
func TestNoticesObeyNotify(t *testing.T) {
	n := nearNode(t, nil)
	n.queue.SetClock(func() time.Time { return time.Now().Add(-6 * 24 * time.Hour) })
	n.asking(t, outbox.DSN{Asked: []outbox.Asked{{Recipient: "a@far.example", Notify: outbox.NotifyFailure}}}, "a@far.example")
	env := outbox.Envelope{From: "user@local.example", Account: 2, Recipients: []string{"b@far.example"}}
	env.DSN.Asked = []outbox.Asked{{Recipient: "b@far.example", Notify: outbox.NotifyNever}}
	must(n.queue.Submit(t.Context(), env, []byte(mailText("never"))))(t)
	n.queue.SetClock(time.Now)
	n.courier.returnUnsealed(t.Context())
	if got := inboxOf(t, n.store, "user@local.example", "inbox"); len(got) != 0 || n.queued(t) != 1 {
		t.Errorf("%d are queued, reports %q", n.queued(t), got)
	}
	e := must(n.queue.Get(1))(t)
	e.Tried(time.Now(), "451 later")
	err := n.store.Update(t.Context(), func(tx *mailstore.Tx) error {
		if err := n.queue.Postpone(tx, &e, time.Now()); err != nil {
			return err
		}
		told, err := n.courier.tellDelay(tx, &e, []byte(mailText("x")), time.Now())
		if told {
			t.Error("told of a delay")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
