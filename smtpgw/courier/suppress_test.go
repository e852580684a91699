package courier

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"cairn/mailstore"
	"cairn/smtpgw"
	"cairn/smtpgw/suppressed"
)

// suppressedNow are the addresses on the list, with the accounts.
func suppressedNow(t *testing.T, st *mailstore.Store, now time.Time) (all []string) {
	t.Helper()
	err := st.View(func(r *mailstore.Reader) error {
		list, err := suppressed.List(r, 0, now)
		for _, s := range list {
			all = append(all, fmt.Sprintf("%d %s", s.Account, s.Address))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Who is said to be gone for good comes on the list of the account that has sent to him, and nobody
// else.
func TestGoneIsSuppressed(t *testing.T) {
	n := nearNode(t, nil)
	n.courier.cfg.Suppress = 720 * time.Hour
	script := peerScript(t, map[string]string{
		"gone": "550 5.1.1 <gone@far.example> is unknown", "moved": "551 5.1.6 has moved", "disabled": "550 5.2.1 no mail for him",
		"policy": "550 5.7.1 not from you", "full": "552 5.2.2 over quota", "plain": "550 no such user", "later": "451 4.1.1 unknown yet",
		"same1": "550 5.1.1 refused", "same2": "550 5.1.1 refused", "fine": "250 2.1.5 fine",
	})
	n.courier.router = routes{"far.example": {Dial: tcp(script.addr)}, "local.example": {Local: true}}
	n.courier.cfg.Sending.Gather = time.Millisecond
	n.run(t)
	var to []string
	for _, who := range strings.Fields("gone moved disabled policy full plain later same1 same2 fine") {
		to = append(to, who+"@far.example")
	}
	n.send(t, "user@local.example", "To: "+strings.Join(to, ", ")+"\r\n"+mailText("many"), to...)
	n.send(t, "", mailText("report"), "gone@far.example")
	n.send(t, "user@local.example", mailText("own"), "nobody@local.example")
	waitFor(t, func() bool {
		sealAll(t, n.store, n.queue)
		es := must(n.queue.List(0, 10))(t)
		return len(es) == 1 && strings.Join(es[0].Recipients, " ") == "later@far.example"
	})
	want := "[2 disabled@far.example 2 gone@far.example 2 moved@far.example]"
	if got := fmt.Sprint(suppressedNow(t, n.store, time.Now())); got != want {
		t.Errorf("suppressed are %s, want %s", got, want)
	}
	if got := suppressedNow(t, n.store, time.Now().Add(721*time.Hour)); len(got) != 0 {
		t.Errorf("a month later: %s", got)
	}
}

// Submission refuses who is on the sender's list until that has expired, whatever the case of the
// address, and takes reports all the same.
func TestSuppressedIsRefused(t *testing.T) {
	st := localStore(t)
	var clock movable
	cfg := testConfig
	cfg.Clock.Now = clock.now
	cfg.RelayFrom = nil
	addr, q := submission(t, cfg, st)
	s := smtpgw.NewSubmitter(cfg, st, q)
	err := st.Update(t.Context(), func(tx *mailstore.Tx) error {
		_, err := s.Suppress(tx, 2, "gone@far.example", time.Hour)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	d := greeted(t, addr)
	for _, tt := range []struct{ from, to, want string }{
		{"user@local.example", "gone@far.example", "^550 5.1.1 <gone@far.example> is gone, "},
		{"alias@local.example", "GONE@FAR.example", "^550 5.1.1 <GONE@far.example> is gone, .* from 20.*, or after: cairn queue suppressed rm$"},
		{"user@local.example", "there@far.example", "^250 "},
		{"other@local.example", "gone@far.example", "^250 "},
		{"", "gone@far.example", "^250 "},
	} {
		d.Say("MAIL FROM:<"+tt.from+">\r\n", "^250 ")
		d.Say("RCPT TO:<"+tt.to+">\r\n", tt.want)
		d.Say("RSET\r\n", "^250 ")
	}
	clock.advance(time.Hour)
	d.Say("MAIL FROM:<user@local.example>\r\n", "^250 ")
	d.Say("RCPT TO:<gone@far.example>\r\n", "^250 ")
}
