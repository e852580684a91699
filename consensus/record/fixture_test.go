package record_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"flag"
	"testing"

	"cairn/consensus"
	"cairn/consensus/record"
	"cairn/mailstore/message"
)

var update = flag.Bool("update", false, "write the expected values of testdata anew")

var secret = record.Secret(sha256.Sum256([]byte("secret")))

// letterHints stand for what one commitment of a record covers together.
var letterHints = []message.Hint{
	{Label: "to", Value: []byte("ann@b.example")}, {Label: "to", Value: []byte("bob@b.example")}, {Label: "x-mailer"},
}

// sealed makes a signed token for comps as record number leaf of count in its micro-batch; the
// other leaves are hashes of their numbers.
func sealed(comps []message.Component, leaf, count int) *record.Token {
	return place(record.Record{
		Version: record.RecordVersion, Kind: record.KindMail, Time: 1795255200123,
		Commitments: record.Commit(secret, comps), Tags: record.TagsOf(secret, letterHints),
	}, leaf, count)
}

// sealedV1 makes a token of version 1, as nothing but tests does any more.
func sealedV1(comps []message.Component, leaf, count int) *record.Token {
	r := record.Record{Version: 1, Kind: record.KindMail, Time: 1795255200123}
	for _, c := range comps {
		commitment := record.CommitTo(c.Type, c.Index, record.Salt(1, secret, c.Type, c.Index), digest(c.Content()))
		r.Commitments = append(r.Commitments, record.Commitment{Type: c.Type, Index: c.Index, C: commitment})
	}
	return place(r, leaf, count)
}

// place makes a signed token of r's version.
func place(r record.Record, leaf, count int) *record.Token {
	key := ed25519.NewKeyFromSeed([]byte("a seed for tests, thirty-two b.."))
	t := &record.Token{
		Version: r.Version, ChainID: 0xc0ffee01, Recorder: consensus.PublicKey(key), Seq: 7, Micro: 3,
		Leaf: uint16(leaf), Count: uint16(count), Secret: secret, Record: r,
	}
	leaves := make([]consensus.Hash, count)
	for i := range leaves {
		leaves[i] = sha256.Sum256([]byte{byte(i), byte(i >> 8)})
	}
	leaves[leaf] = t.Record.Leaf()
	root, path := record.Tree(leaves)
	t.Path = path(leaf)
	m := consensus.MicroRoot{Root: root, Count: uint16(count)}
	t.Signature = consensus.Signature(ed25519.Sign(key, consensus.MicroSigningBytes(t.ChainID, t.Record.Epoch, t.Seq, t.Micro, m)))
	return t
}

const letter = "Received: from laptop ([192.0.2.7]) by mx.example.org with ESMTPS id 1; Sat, 21 Nov 2026 10:00:00 +0000\r\n" +
	"From: Jo <jo@example.org>\r\nTo: ann@b.example\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\nSubject: Figures\r\nMessage-ID: <1@example.org>\r\n\r\n" +
	"Hello Ann,\r\n\r\npay 100 to Bob.\r\n\r\n-- \r\nJo\r\n"

func letterComponents(recipients ...string) []message.Component {
	return message.Dissect([]byte(letter), recipients).Components()
}

func letterDissection(recipients ...string) *message.Dissection {
	return message.Dissect([]byte(letter), recipients)
}

// tokenOf is the token of a record of that message, with its hints, as the recorder makes it.
func tokenOf(d *message.Dissection) *record.Token {
	return &record.Token{Version: record.TokenVersion, Secret: secret, Record: record.Record{
		Version: record.RecordVersion, Kind: record.KindMail, Time: 1795255200123,
		Commitments: record.Commit(secret, d.Components()), Tags: record.TagsOf(secret, d.Hints()),
	}}
}

// tokenOfV1 is the token of a record of version 1.
func tokenOfV1(d *message.Dissection) *record.Token { return sealedV1(d.V1(), 0, 1) }

// digestIn is what a record of that version commits to of a component.
func digestIn(version uint8, c message.Component) [32]byte {
	if version == 1 {
		return digest(c.Content())
	}
	return c.Digest()
}

func mustFind(t testing.TB, raw []byte) *record.Token {
	t.Helper()
	tok, found, err := record.FindToken(raw)
	if !found || err != nil {
		t.Fatalf("no token: %v, %v", found, err)
	}
	return tok
}
