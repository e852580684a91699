package courier

import (
	"net"
	"strings"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/smtpgw"
	"cairn/smtpgw/client"
	"cairn/smtpgw/deliverytest"
	"cairn/smtpgw/trace"
)

// The courier brings what two nodes of an organisation get in two transactions at once, and not
// after a while.
func TestCourierBringsToTwoNodes(t *testing.T) {
	addr, there, _ := second(t, consensus.Key{1})
	here := localStore(t)
	cfg := testConfig
	cfg.NodeKey = by(consensus.Key{9})
	cfg.Holders.Siblings = &family{at: map[string]client.Route{"dora@local.example": {To: "second", Dial: tcp(addr)}}}
	entrance := inbound(t, cfg, here, &deliverytest.Verifier{})
	n := nearNode(t, nil)
	n.courier.router = routes{"local.example": client.Route{Dial: tcp(entrance)}}
	n.courier.cfg.Sending.FirstRetry = time.Hour
	n.run(t)
	n.send(t, "user@local.example", "To: dora@local.example, user@local.example, other@local.example\r\n"+mailText("two"),
		"user@local.example", "dora@local.example", "other@local.example", "nobody@local.example")
	waitFor(t, func() bool {
		return len(inboxOf(t, here, "user@local.example", "inbox")) == 1 && len(inboxOf(t, here, "other@local.example", "inbox")) == 1 &&
			len(inboxOf(t, there, "dora@local.example", "inbox")) == 1
	})
}

// What a user submits for a mailbox of another node goes there.
func TestSubmittedForSibling(t *testing.T) {
	addr, there, _ := second(t, consensus.Key{1})
	n := nearNode(t, nil)
	cfg := testConfig
	cfg.Holders.Siblings = &family{at: map[string]client.Route{"dora@local.example": {To: "second", Dial: tcp(addr)}}}
	n.courier.cfg.Holders = cfg.Holders
	s := smtpgw.NewSubmitter(cfg, n.store, n.queue)
	raw := "From: user@local.example\r\nTo: dora@local.example, other@local.example\r\nSubject: x\r\n\r\nx\r\n"
	if _, err := s.Submit(t.Context(), trace.Peer{Protocol: trace.ProtocolLocal}, "user@local.example", []string{"dora@local.example", "other@local.example"}, []byte(raw)); err != nil {
		t.Fatal(err)
	}
	sealAll(t, n.store, n.queue)
	n.run(t)
	waitFor(t, func() bool { return len(inboxOf(t, there, "dora@local.example", "inbox")) == 1 })
	waitFor(t, func() bool { return len(inboxOf(t, n.store, "other@local.example", "inbox")) == 1 })
}

// A node of the organisation that accepts connections and says nothing holds the queue up for no
// longer than dialling may take.
func TestSilentSibling(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	dora := &family{at: map[string]client.Route{"dora@local.example": {To: "second", Dial: tcp(l.Addr().String())}}}
	n := nearNode(t, nil)
	n.courier.cfg.Holders.Siblings, n.courier.cfg.Sending.Dial, n.courier.cfg.Sending.FirstRetry = dora, 50*time.Millisecond, time.Hour
	n.run(t)
	n.send(t, "user@local.example", mailText("silent"), "dora@local.example")
	waitFor(t, func() bool {
		e := must(n.queue.List(0, 1))(t)
		return strings.Contains(e[0].LastError, "no session within")
	})
}
