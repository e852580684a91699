package node

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
	"cairn/consensus/record"
	"cairn/consensus/verifier"
	"cairn/mailstore/message"
	"cairn/mailstore/outbox"
	"cairn/smtpgw"
	"cairn/smtpgw/client"
	"cairn/smtpgw/trace"
)

// Mail may be returned only when the DNS says that nobody is trusted, not when
// it says nothing, nor by what it said a while ago.
func TestSilentDNSDoesNotReturnMail(t *testing.T) {
	n, alpha := invited(t)
	if _, err := n.trust.Unpin(t.Context(), "alpha.test", time.Now()); err != nil {
		t.Fatal(err)
	}
	var records []string
	var failure error
	trust, err := verifier.OpenTrust(n.store, func(_ context.Context, name string) ([]string, error) {
		if name != "_cairn.alpha.test" {
			t.Errorf("asked for %q", name)
		}
		return records, failure
	})
	if err != nil {
		t.Fatal(err)
	}
	n.trust = trust
	silent, another := &net.DNSError{Err: "i/o timeout", IsTimeout: true}, verifier.FormatTXT(consensus.Key{3})
	for _, tt := range []struct {
		name    string
		records []string
		err     error
		waited  bool // long enough that a failure is not remembered
		to      string
		back    bool
	}{
		{"no answer", nil, silent, false, "", false},
		{"none a moment ago", nil, nil, false, "", false},
		{"no records", nil, nil, true, "", true},
		{"no such name", nil, &net.DNSError{Err: "no such host", IsNotFound: true}, false, "", true},
		{"names another", []string{"v=spf1 -all", another}, nil, false, "", true},
		{"no answer since it named another", nil, silent, false, "", false},
		{"names another again", []string{another}, nil, true, "", true},
		{"names one that claims it", []string{verifier.FormatTXT(alpha.Key)}, nil, false, alpha.ID.String(), false},
		{"no answer since it named that", nil, silent, false, alpha.ID.String(), false},
	} {
		records, failure = tt.records, tt.err
		if tt.waited {
			n.trust.SpeakerNow(t.Context(), n.chain.State(), "alpha.test")
		}
		route, err := router{n}.Route(t.Context(), "alpha.test")
		if to, _, _ := strings.Cut(route.To, " "); to != tt.to || errors.Is(err, client.ErrNoRoute) != tt.back || (err == nil) != (tt.to != "") {
			t.Errorf("%s: to %q, %v", tt.name, route.To, err)
		}
	}
}

// invited is a node of beta.test that an invite of alpha.test made a member, and
// the founder as the chain has it. Nobody serves.
func invited(t *testing.T) (n *Node, founder *consensus.Org) {
	t.Helper()
	dir := filepath.Join(shortDir(t), "alpha")
	o := InitOptions{Dir: dir, Config: DefaultConfig("alpha", []string{"alpha.test"}), Network: LocalNetwork("test"), Now: time.Now()}
	o.Network.IdentityStamp = 4
	if _, err := Init(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	g, err := LoadNetwork(dir)
	if err != nil {
		t.Fatal(err)
	}
	joined := newcomer(t, "beta", "beta.test")
	quiet(t, joined, nil)
	if err := Join(t.Context(), joined, inviteFrom(t, dir, g, "alpha.test"), nil); err != nil {
		t.Fatal(err)
	}
	n = open(t, joined)
	return n, n.chain.State().Orgs()[0]
}

// Mail of the largest size that one node takes must not be too large for the
// next one, which has the same limit.
func TestLargestMailFitsWithItsRecord(t *testing.T) {
	dir, _ := founder(t, "Alpha", "alpha.test")
	quiet(t, dir, nil)
	n := open(t, dir)
	gw := n.gatewayConfig()
	raw := []byte("From: postmaster@alpha.test\r\nSubject: large\r\n\r\n")
	submitter := smtpgw.NewSubmitter(gw, n.store, outbox.New(n.store))
	peer := trace.Peer{Addr: "127.0.0.1:1", Helo: strings.Repeat("h", 255), Protocol: "UTF8SMTP"}
	sent, err := submitter.Submit(t.Context(), peer, "postmaster@alpha.test", []string{"bob@bravo.test"}, raw)
	if err != nil {
		t.Fatal(err)
	}
	token := record.Token{
		Version: record.TokenVersion, Count: 1024, Path: make([]consensus.Hash, 10),
		Record: record.Record{
			Commitments: make([]record.Commitment, message.MaxComponents),
			Tags:        make([]record.Tag, record.MaxTags),
		},
	}
	added := int64(len(sent.Raw) - len(raw) + len(token.Header()))
	if room := inboundConfig(gw).Limits.MessageBytes - gw.Limits.MessageBytes; added > room {
		t.Errorf("%d octets are added, there is room for %d", added, room)
	}
}

// named is a resolver that notes the names that it is asked for.
type named []string

func (n *named) LookupTXT(_ context.Context, name string) ([]string, error) {
	*n = append(*n, name)
	return nil, nil
}

// The DNS is asked for the absolute name: what a resolver's search list makes of it is another
// domain's.
func TestLookupIsAbsolute(t *testing.T) {
	was, asked := resolver, new(named)
	defer func() { resolver = was }()
	resolver = asked
	for _, name := range []string{"_cairn.bank.org", "_cairn.bank.test"} {
		if _, err := lookupTXT(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	if len(*asked) != 1 || (*asked)[0] != "_cairn.bank.org." {
		t.Errorf("asked for %q", *asked)
	}
}

// Where an address is taken, it may be by the node whose backup was restored beside it: another
// port is no way out then.
func TestAddressesThatAreTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	n := &Node{dir: "n"}
	_, err = n.bind("inbound.listen", taken.Addr().String())
	e, ok := errors.AsType[*ConfigError](err)
	if !ok || e.Key != "inbound.listen" || !strings.HasPrefix(e.Next, "if it is this node's own original that has it, end that") {
		t.Errorf("listening at %s: %v", taken.Addr(), err)
	}
	if !e.Passing {
		t.Error("that an address is taken is said to stay so")
	}
}

// A batch of ours that the chain has by now is nothing to warn of; trouble with one that it lacks
// is told once a minute, with what helps.
func TestOwnBatchesThatTheChainHas(t *testing.T) {
	w := newChanging(t)
	var log bytes.Buffer
	w.Node.log = slog.New(slog.NewTextHandler(&log, nil))
	has := w.net.Batches(w.chain.State(), 1, 3, "before the restore")
	if _, err := w.chain.AddBlock(w.net.Mine(w.chain.State(), 0, chaintest.Body{Batches: has}), time.Now()); err != nil {
		t.Fatal(err)
	}
	const warning = "our own batch was not taken into the mempool"
	for i := range has {
		w.submitBatch(&has[i])
	}
	if said := log.String(); strings.Contains(said, warning) {
		t.Errorf("the log warns of batches that the chain has:\n%s", said)
	}
	spoilt := w.net.Batches(w.chain.State(), 1, 1, "after it")[0]
	spoilt.Signature[0] ^= 1
	for range 3 {
		w.submitBatch(&spoilt)
	}
	if said := log.String(); strings.Count(said, warning) != 1 || !strings.Contains(said, "cairn status --dir "+w.dir) {
		t.Errorf("trouble that stays is not told once, with what helps:\n%s", said)
	}
}
