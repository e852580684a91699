package record_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"cairn/consensus"
	"cairn/consensus/record"
	"cairn/mailstore/message"
)

// sendOn records raw as node number n does for a recipient, and puts the token
// on top.
func sendOn(chain consensus.ChainID, n byte, raw []byte, recipient string) []byte {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n + 1}, 32))
	t := &record.Token{
		Version: record.TokenVersion, ChainID: chain, Recorder: consensus.PublicKey(key), Seq: 1, Count: 1,
		Secret: record.Secret{n}, Path: []consensus.Hash{},
	}
	t.Record = record.Record{
		Version: record.RecordVersion, Kind: record.KindMail, Time: 1795255200123 + uint64(n),
		Commitments: record.Commit(t.Secret, record.ToSeal(raw, []string{recipient}).Components()),
	}
	signing := consensus.MicroSigningBytes(t.ChainID, t.Record.Epoch, t.Seq, t.Micro, t.MicroRoot())
	t.Signature = consensus.Signature(ed25519.Sign(key, signing))
	return append(t.Header(), raw...)
}

const testChain = 0xc0ffee01

// passed is a letter that went through as many hands, recorded by each.
func passed(hands int) []byte {
	raw := []byte(letter)
	for i := range hands {
		raw = fmt.Appendf(nil, "Received: from h%d by h%d with SMTP\r\n%s", i, i+1, raw)
		raw = sendOn(testChain, byte(i), raw, fmt.Sprintf("hand%d@h%d.example", i+1, i+1))
	}
	return raw
}

func tokensOf(t *testing.T, raw []byte) []*record.Token {
	t.Helper()
	tokens, err := record.Tokens(raw)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

// TestCustody: each record down the chain holds for what arrived, whoever
// recorded it, and the links lead to the original.
func TestCustody(t *testing.T) {
	for hands := 1; hands <= 1+record.MaxHops; hands++ {
		raw := passed(hands)
		tokens := tokensOf(t, raw)
		hops, err := record.Custody(tokens)
		if err != nil || len(hops) != hands {
			t.Fatalf("%d hands: %d hops, %v", hands, len(hops), err)
		}
		for i, hop := range hops {
			if hop.Token.RecordID() != tokens[i].RecordID() {
				t.Errorf("%d hands: hop %d is another record", hands, i)
			}
		}
		last := fmt.Sprintf("hand%d@h%d.example", hands, hands)
		c := record.Compare(tokens[0], record.Arrived(raw, tokens, []string{last}), record.Context{})
		if !c.AllSame() {
			t.Errorf("%d hands: what arrives is not what was sent on: %v", hands, c.Differences())
		}
		if o := hops[hands-1].Token; !o.HasRecipient("HAND1@h1.example") || o.HasRecipient("hand2@h2.example") {
			t.Errorf("%d hands: the original is not for hand 1 alone", hands)
		}
	}
}

// TestCustodyBroken spoils the chain in every way that somebody on the way can.
func TestCustodyBroken(t *testing.T) {
	chain := tokensOf(t, passed(4)) // the newest first
	other := tokensOf(t, sendOn(testChain, 9, []byte(letter), "hand1@h1.example"))[0]
	stranger := tokensOf(t, sendOn(0xbad, 0, []byte(letter), "hand1@h1.example"))[0]
	resealed := *chain[3] // the same record in a batch of somebody else
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{77}, 32))
	resealed.Recorder = consensus.PublicKey(key)
	signing := consensus.MicroSigningBytes(resealed.ChainID, resealed.Record.Epoch, resealed.Seq, resealed.Micro, resealed.MicroRoot())
	resealed.Signature = consensus.Signature(ed25519.Sign(key, signing))
	altered := *chain[2]
	altered.Signature[0] ^= 1
	for _, tt := range []struct {
		name   string
		tokens []*record.Token
		hops   int // that hold
		why    string
	}{
		{"cut at the end", chain[:3], 1, "fewer"},
		{"original alone is missing", chain[2:3], 1, "not there"},
		{"cut in the middle", slices.Concat(chain[:2], chain[3:]), 1, "fewer"},
		{"doubled", slices.Insert(slices.Clone(chain), 1, chain[0]), 1, "more"},
		{"original doubled", append(slices.Clone(chain), chain[3]), 1, "more"},
		{"exchanged", []*record.Token{chain[0], chain[2], chain[1], chain[3]}, 1, "another"},
		{"upside down", []*record.Token{chain[3], chain[2], chain[1], chain[0]}, 1, "does not refer"},
		{"another original", []*record.Token{chain[2], other}, 1, "another"},
		{"original sealed by another", []*record.Token{chain[2], &resealed}, 1, "another"},
		{"foreign below a direct one", []*record.Token{chain[3], other}, 1, "does not refer"},
		{"of another network", []*record.Token{chain[2], stranger}, 1, "another"},
		{"last of another network", []*record.Token{chain[0], chain[1], chain[2], stranger}, 3, "another"},
		{"signature altered", []*record.Token{chain[0], chain[1], &altered, chain[3]}, 2, "signature"},
		{"too long", slices.Repeat(chain, 3), 0, "12 records"},
	} {
		hops, err := record.Custody(tt.tokens)
		if !errors.Is(err, record.ErrCustody) || !strings.Contains(fmt.Sprint(err), tt.why) || len(hops) != tt.hops {
			t.Errorf("%s: %d hops, %v", tt.name, len(hops), err)
		}
	}
	if hops, err := record.Custody(nil); hops != nil || err != nil {
		t.Errorf("no tokens: %v, %v", hops, err)
	}
}

// TestCustodyOfLongWay drops the oldest hop: that the chain is cut is told.
func TestCustodyOfLongWay(t *testing.T) {
	tokens, err := record.Tokens(passed(2 + record.MaxHops))
	if !errors.Is(err, record.ErrCustody) || len(tokens) != 1+record.MaxHops {
		t.Fatalf("%d tokens, %v", len(tokens), err)
	}
	if hops, err := record.Custody(tokens); err == nil {
		t.Errorf("the original is found among %d hops", len(hops))
	}
}

// TestCustodyRoom seals the fullest message there is once more.
func TestCustodyRoom(t *testing.T) {
	var recipients []string
	for i := range message.MaxRecipients + 3 {
		recipients = append(recipients, fmt.Sprintf("r%d@b.example", i))
	}
	raw := append(passed(1), "MIME-Version: 1.0\r\n"...)
	raw = bytes.Replace(raw, []byte("\r\n\r\nHello"), []byte("\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"+strings.Repeat(
		"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b\r\nContent-Type: text/x-a; name=a\r\n\r\nx\r\n", 20)+"--b--\r\nHello"), 1)
	got := record.ToSeal(raw, recipients).Components()
	if n := len(got); n > message.MaxComponents || n < 40 {
		t.Errorf("%d components", n)
	}
	if !slices.ContainsFunc(got, func(c message.Component) bool { return c.Type == message.Custody }) {
		t.Error("nothing refers to the record below")
	}
}

func TestTokens(t *testing.T) {
	two := passed(2)
	head, rest, _ := bytes.Cut(two, []byte("\r\nReceived"))
	for _, tt := range []struct {
		name   string
		raw    []byte
		tokens int
		fault  bool
	}{
		{"none", []byte(letter), 0, false},
		{"empty", nil, 0, false},
		{"two", two, 2, false},
		{"in the body", append([]byte("From: a@b.example\r\n\r\n"), two...), 0, false},
		{"rubbish on top", append([]byte("Cairn-Record: x\r\n"), two...), 0, true},
		{"rubbish between", slices.Concat(head, []byte("\r\ncairn-record : !\r\nReceived"), rest), 1, true},
		{"header alone", bytes.TrimSuffix(head, []byte("\r\n")), 1, false},
	} {
		tokens, err := record.Tokens(tt.raw)
		if len(tokens) != tt.tokens || (err != nil) != tt.fault {
			t.Errorf("%s: %d tokens, %v", tt.name, len(tokens), err)
		}
	}
}

// FuzzCustody: whatever stands in a header, only links that were made hold.
func FuzzCustody(f *testing.F) {
	for hands := range 4 {
		f.Add(passed(hands))
	}
	f.Add([]byte("Cairn-Record: x\r\n y\r\n\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		tokens, err := record.Tokens(raw)
		if len(tokens) > 1+record.MaxHops {
			t.Fatalf("%d tokens", len(tokens))
		}
		hops, broken := record.Custody(tokens)
		if err == nil && broken == nil && len(hops) != len(tokens) {
			t.Fatalf("%d hops of %d tokens without an error", len(hops), len(tokens))
		}
		comps := record.Arrived(raw, tokens, nil).Components()
		if len(comps) > message.MaxComponents {
			t.Fatalf("%d components", len(comps))
		}
	})
}
