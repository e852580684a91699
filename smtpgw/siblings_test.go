package smtpgw

import (
	"bytes"
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/mailstore"
	"cairn/smtpgw/client"
	"cairn/smtpgw/deliverytest"
)

// family are the nodes of one organisation as one of them sees the others: where mailboxes are, by
// address. A nil Dialer stands for a node that does not answer.
type family struct {
	at   map[string]client.Route
	fail error
	keys []consensus.Key
}

func (f *family) Holder(_ context.Context, address string) (client.Route, error) {
	if r, ok := f.at[address]; ok {
		return r, f.fail
	}
	return client.Route{}, errors.Join(client.ErrNoRoute, f.fail)
}

func (f *family) Sibling(node consensus.Key) bool { return slices.Contains(f.keys, node) }

// by makes all connections those of a node.
func by(key consensus.Key) func(net.Conn) *consensus.Key {
	return func(net.Conn) *consensus.Key { return &key }
}

// second is another node of local.example, with the mailbox of dora; what comes over its listener
// comes from the node with that key.
func second(t *testing.T, from consensus.Key) (addr string, st *mailstore.Store, v *deliverytest.Verifier) {
	st, v = storeWith(t, "dora=dora@local.example"), &deliverytest.Verifier{}
	cfg := testConfig
	cfg.NodeKey, cfg.Holders.Siblings = by(from), &family{keys: []consensus.Key{{1}}}
	return inbound(t, cfg, st, v), st, v
}

// handed is an inbound server whose organisation has dora's mailbox on another node, to which it
// dials.
func handed(t *testing.T, dial client.Dialer) (c *dialogue, here *mailstore.Store, seen *deliverytest.Verifier) {
	here, seen = localStore(t), &deliverytest.Verifier{}
	cfg := testConfig
	cfg.NodeKey = by(consensus.Key{9})
	cfg.Holders.Siblings = &family{at: map[string]client.Route{"dora@local.example": {To: "second", Dial: dial}}}
	return greeted(t, inbound(t, cfg, here, seen)), here, seen
}

// Mail that comes for a mailbox of another node of the organisation is stored there before its 250.
// The node that has a mailbox is told who brought the mail to the other.
func TestHandedOver(t *testing.T) {
	addr, there, seen := second(t, consensus.Key{1})
	c, here, _ := handed(t, tcp(addr))
	c.say("MAIL FROM:<x@far.example>\r\n", "^250 ")
	c.say("RCPT TO:<dora@local.example>\r\n", "^250 ")
	c.say("RCPT TO:<nobody@local.example>\r\n", "^550 ")
	c.say("DATA\r\n", "^354 ")
	c.say("Subject: both\r\n\r\nx\r\n.\r\n", "^250 ")
	if len(inboxOf(t, here, "user@local.example", "inbox")) != 0 || len(inboxOf(t, there, "dora@local.example", "inbox")) != 1 {
		t.Error("it is not where it belongs")
	}
	a := seen.Seen()
	if len(a) != 1 || a[0].Peer.Node == nil || *a[0].Peer.Node != (consensus.Key{9}) ||
		!strings.HasPrefix(string(a[0].Raw), "Received: ") || strings.Contains(string(a[0].Raw), courierName) || !slices.Equal(a[0].Recipients, []string{"dora@local.example"}) {
		t.Errorf("it arrived as %+v", a)
	}
}

// One reply has to be true of all recipients of a transaction, so that nobody comes again, or
// bounces, what one of two nodes has stored: each node has a transaction of its own.
func TestOneNodeToATransaction(t *testing.T) {
	addr, there, _ := second(t, consensus.Key{1})
	for _, tt := range []struct {
		first, other string
		here, there  int // messages
	}{
		{"user@local.example", "dora@local.example", 1, 0},
		{"dora@local.example", "user@local.example", 0, 1},
	} {
		c, here, _ := handed(t, tcp(addr))
		before := len(inboxOf(t, there, "dora@local.example", "inbox"))
		c.say("MAIL FROM:<x@far.example>\r\n", "^250 ")
		c.say("RCPT TO:<"+tt.first+">\r\n", "^250 ")
		c.say("RCPT TO:<"+tt.other+">\r\n", "^452 4.5.3 .*transaction")
		c.say("RCPT TO:<"+tt.first+">\r\n", "^250 ")
		c.say("DATA\r\n", "^354 ")
		c.say("Subject: one\r\n\r\nx\r\n.\r\n", "^250 ")
		c.say("MAIL FROM:<x@far.example>\r\n", "^250 ")
		c.say("RCPT TO:<"+tt.other+">\r\n", "^250 ")
		c.say("RSET\r\n", "^250 ")
		if h, o := len(inboxOf(t, here, "user@local.example", "inbox")), len(inboxOf(t, there, "dora@local.example", "inbox"))-before; h != tt.here || o != tt.there {
			t.Errorf("%s first: %d here, %d there", tt.first, h, o)
		}
	}
}

// What is not known is no refusal.
func TestNotHandedOver(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	c, _, _ := handed(t, tcp(closed.Addr().String()))
	c.say("MAIL FROM:<x@far.example>\r\n", "^250 ")
	c.say("RCPT TO:<dora@local.example>\r\n", "^250 ")
	c.say("DATA\r\n", "^354 ")
	c.say("Subject: both\r\n\r\nx\r\n.\r\n", "^451 ")
	cfg := testConfig
	cfg.Holders.Siblings = silent{&family{}}
	c = greeted(t, inbound(t, cfg, localStore(t), &deliverytest.Verifier{}))
	c.say("MAIL FROM:<x@far.example>\r\n", "^250 ")
	c.say("RCPT TO:<dora@local.example>\r\n", "^451 ")
}

// A node that has not all of the mailboxes any more stores the message for none, since the peer
// comes again for all.
func TestHandedOverWholeOrNot(t *testing.T) {
	for _, tt := range []struct{ name, gone, want string }{
		{"some mailboxes are gone", "other@local.example", "^451 "},
		{"all are", "dora@local.example,other@local.example", "^550 5.6.0 another machine here does not take .*no mailbox"},
	} {
		left := []string{"admin=admin@local.example"}
		for _, a := range []string{"dora@local.example", "other@local.example"} {
			if !strings.Contains(tt.gone, a) {
				left = append(left, a[:4]+"="+a)
			}
		}
		st := storeWith(t, left...)
		addr := inbound(t, testConfig, st, &deliverytest.Verifier{}) // of a stranger's connection: a plain refusal
		cfg := testConfig
		to := client.Route{To: "second", Dial: tcp(addr)}
		cfg.Holders.Siblings = &family{at: map[string]client.Route{"dora@local.example": to, "other@local.example": to}}
		c := greeted(t, inbound(t, cfg, storeWith(t, "admin=admin@local.example"), &deliverytest.Verifier{}))
		c.say("MAIL FROM:<x@far.example>\r\n", "^250 ")
		c.say("RCPT TO:<dora@local.example>\r\n", "^250 ")
		c.say("RCPT TO:<other@local.example>\r\n", "^250 ")
		c.say("DATA\r\n", "^354 ")
		c.say("Subject: both\r\n\r\nx\r\n.\r\n", tt.want)
		if len(left) > 1 && len(inboxOf(t, st, "dora@local.example", "inbox")) != 0 {
			t.Errorf("%s: stored for one of two", tt.name)
		}
	}
}

// silent are nodes that do not answer.
type silent struct{ *family }

func (silent) Holder(context.Context, string) (client.Route, error) {
	return client.Route{}, errors.New("no answer")
}

// A sibling that asks has looked itself: nothing goes to and fro. What others say of who brought it
// is left as it is.
func TestSiblingAsks(t *testing.T) {
	addr, _, _ := second(t, consensus.Key{1})
	c := greeted(t, addr)
	c.say("MAIL FROM:<x@far.example>\r\n", "^250 ")
	c.say("RCPT TO:<user@local.example>\r\n", "^451 ")
	strange, _, seen := second(t, consensus.Key{7})
	c = greeted(t, strange)
	c.say("MAIL FROM:<x@far.example>\r\n", "^250 ")
	c.say("RCPT TO:<dora@local.example>\r\n", "^250 ")
	c.say("DATA\r\n", "^354 ")
	c.say(courierName+"none\r\nSubject: x\r\n\r\nx\r\n.\r\n", "^250 ")
	if a := seen.Seen(); len(a) != 1 || a[0].Peer.Node == nil || !strings.HasPrefix(string(a[0].Raw), courierName) {
		t.Errorf("it arrived as %+v", a)
	}
}

func FuzzCourier(f *testing.F) {
	for _, head := range []string{"", courierName + "none", courierName + strings.Repeat("0a", 32), courierName + strings.Repeat("0A", 32), courierName + "00"} {
		f.Add([]byte(head + "\r\nSubject: x\r\n\r\nx\r\n"))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		rest, node, said := takeCourier(raw)
		switch {
		case !said && (node != nil || !bytes.Equal(rest, raw)):
			t.Fatalf("%q is changed", raw)
		case said && !bytes.Equal(append(courierField(node), rest...), raw):
			t.Fatalf("%q was read as of %v", raw, node)
		}
	})
}

// What another node does not take for good is refused at once, and not tried for days.
func TestHandedOverTooLarge(t *testing.T) {
	st := storeWith(t, "dora=dora@local.example")
	cfg := testConfig
	cfg.Limits.MessageBytes = 400
	cfg.NodeKey, cfg.Holders.Siblings = by(consensus.Key{1}), &family{keys: []consensus.Key{{1}}}
	there := inbound(t, cfg, st, &deliverytest.Verifier{})
	cfg.Limits = Limits{}
	cfg.NodeKey = by(consensus.Key{9})
	cfg.Holders.Siblings = &family{at: map[string]client.Route{"dora@local.example": {To: "second", Dial: tcp(there)}}}
	c := greeted(t, inbound(t, cfg, localStore(t), &deliverytest.Verifier{}))
	c.say("MAIL FROM:<x@far.example>\r\n", "^250 ")
	c.say("RCPT TO:<dora@local.example>\r\n", "^250 ")
	c.say("DATA\r\n", "^354 ")
	c.say("Subject: large\r\n\r\n"+strings.Repeat("x\r\n", 200)+".\r\n", "^552 .*does not take")
}

// A node of the organisation that accepts connections and says nothing holds nobody up for longer
// than dialling may take.
func TestSilentSibling(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	dora := &family{at: map[string]client.Route{"dora@local.example": {To: "second", Dial: tcp(l.Addr().String())}}}
	cfg := testConfig
	cfg.Holders.Siblings, cfg.Waits.Dial = dora, 50*time.Millisecond
	c := greeted(t, inbound(t, cfg, localStore(t), &deliverytest.Verifier{}))
	c.say("MAIL FROM:<x@far.example>\r\n", "^250 ")
	c.say("RCPT TO:<dora@local.example>\r\n", "^250 ")
	c.say("DATA\r\n", "^354 ")
	c.say("Subject: x\r\n\r\nx\r\n.\r\n", "^451 ")
}
