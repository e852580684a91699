package record_test

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"cairn/consensus"
	"cairn/consensus/record"
	"cairn/mailstore/message"
)

// versions makes a token of each version that is read.
var versions = map[uint8]func(comps []message.Component, leaf, count int) *record.Token{1: sealedV1, 2: sealed}

func TestTokenRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.IntRange(1, 1024).Draw(t, "count")
		leaf := rapid.IntRange(0, count-1).Draw(t, "leaf")
		var comps []message.Component
		for i := range rapid.IntRange(1, record.MaxCommitments).Draw(t, "components") {
			comps = append(comps, message.NewComponent(message.Type(1+i/3), uint16(i%3)*127, message.ReadingV1, []byte{byte(i)}))
		}
		var tok *record.Token
		if rapid.Bool().Draw(t, "version 1") {
			tok = sealedV1(comps[:min(len(comps), record.MaxCommitmentsV1)], leaf, count)
		} else {
			kind := record.Kind(rapid.IntRange(1, 3).Draw(t, "kind"))
			hints := make([]message.Hint, rapid.IntRange(0, record.MaxTags).Draw(t, "tags"))
			for i := range hints {
				hints[i] = message.Hint{Label: "a", Value: []byte{byte(i)}}
			}
			tok = place(record.Record{
				Version: 2, Kind: kind, Time: 1, Epoch: rapid.Uint64().Draw(t, "epoch"),
				Commitments: record.Commit(secret, comps), Tags: record.TagsOf(secret, hints),
			}, leaf, count)
		}
		if !tok.VerifySignature() {
			t.Fatal("own signature is refused")
		}
		decoded, err := record.DecodeToken(tok.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(tok, decoded) && len(tok.Path) > 0 {
			t.Fatalf("decoded %+v, want %+v", decoded, tok)
		}
		if !decoded.VerifySignature() || decoded.RecordID() != tok.RecordID() || decoded.MicroRoot() != tok.MicroRoot() {
			t.Fatal("the decoded token proves something else")
		}
		if found, _, err := record.FindToken(tok.Header()); err != nil || found.RecordID() != tok.RecordID() {
			t.Fatalf("the header field has another token: %v", err)
		}
		for _, line := range strings.SplitAfter(string(tok.Header()), "\r\n") {
			if len(line) > 78 {
				t.Fatalf("a line of %d characters", len(line)-2)
			}
		}
	})
}

// TestTokenBits flips every bit of a token: either it is refused, or it no longer proves the
// record.
func TestTokenBits(t *testing.T) {
	comps := letterComponents("ann@b.example")
	for version, seal := range versions {
		tok := seal(comps, 5, 9)
		encoded := tok.Encode()
		at := bytes.Index(encoded, secret[:])
		for i := range encoded {
			for bit := range 8 {
				bad := bytes.Clone(encoded)
				bad[i] ^= 1 << bit
				decoded, err := record.DecodeToken(bad)
				if err != nil {
					if !errors.Is(err, record.ErrToken) && !errors.Is(err, record.ErrTokenVersion) {
						t.Fatalf("version %d, byte %d: %v is none of the errors of tokens", version, i, err)
					}
					continue
				}
				if inSecret := i >= at && i < at+len(secret); !inSecret && decoded.VerifySignature() {
					t.Errorf("version %d: bit %d of byte %d makes no difference", version, bit, i)
				} else if inSecret && record.Compare(decoded, letterDissection("ann@b.example"), record.Context{}).Same != 0 {
					t.Errorf("version %d: bit %d of byte %d of the secret makes no difference", version, bit, i)
				}
			}
		}
	}
}

// TestTokenCut cuts a token after every byte, and doubles it.
func TestTokenCut(t *testing.T) {
	for version, seal := range versions {
		encoded := seal(letterComponents("ann@b.example"), 5, 9).Encode()
		for n := range encoded {
			if _, err := record.DecodeToken(encoded[:n]); !errors.Is(err, record.ErrToken) {
				t.Fatalf("version %d, the first %d bytes: %v", version, n, err)
			}
		}
		for name, b := range map[string][]byte{
			"one byte more": append(bytes.Clone(encoded), 0),
			"doubled":       append(bytes.Clone(encoded), encoded...),
			"huge":          append(bytes.Clone(encoded), make([]byte, 1<<20)...),
		} {
			if _, err := record.DecodeToken(b); !errors.Is(err, record.ErrToken) {
				t.Errorf("version %d, %s: %v", version, name, err)
			}
		}
	}
}

func TestDecodeTokenRefuses(t *testing.T) {
	commit := func(types ...message.Type) func(*record.Token) {
		return func(t *record.Token) {
			var comps []message.Component
			for _, typ := range types {
				comps = append(comps, message.Component{Type: typ})
			}
			t.Record.Commitments = record.Commit(secret, comps)
		}
	}
	for name, c := range map[string]struct {
		spoil func(*record.Token)
		want  error // of version 2
		v1    error // of version 1; nil: the case is version 2's alone
	}{
		"seq 0":            {func(t *record.Token) { t.Seq = 0 }, record.ErrToken, record.ErrToken},
		"micro 64":         {func(t *record.Token) { t.Micro = 64 }, record.ErrToken, record.ErrToken},
		"count 0":          {func(t *record.Token) { t.Count = 0 }, record.ErrToken, record.ErrToken},
		"count 1025":       {func(t *record.Token) { t.Count = 1025 }, record.ErrToken, record.ErrToken},
		"leaf = count":     {func(t *record.Token) { t.Leaf = 3 }, record.ErrToken, record.ErrToken},
		"version 0":        {func(t *record.Token) { t.Version = 0 }, record.ErrToken, record.ErrToken},
		"version 3":        {func(t *record.Token) { t.Version = 3 }, record.ErrTokenVersion, record.ErrTokenVersion},
		"record version 0": {func(t *record.Token) { t.Record.Version = 0 }, record.ErrToken, record.ErrToken},
		"record version 1": {func(t *record.Token) { t.Record.Version = 1 }, record.ErrToken, nil},
		"record version 2": {func(t *record.Token) { t.Record.Version = 2 }, nil, record.ErrToken},
		"record version 3": {func(t *record.Token) { t.Record.Version = 3 }, record.ErrTokenVersion, record.ErrTokenVersion},
		"kind 0":           {func(t *record.Token) { t.Record.Kind = 0 }, record.ErrToken, nil},
		"kind 4":           {func(t *record.Token) { t.Record.Kind = 4 }, record.ErrToken, nil},
		"no commitments":   {func(t *record.Token) { t.Record.Commitments = nil }, record.ErrToken, record.ErrToken},
		"65 commitments":   {func(t *record.Token) { t.Record.Commitments = make([]record.Commitment, 65) }, record.ErrToken, record.ErrToken},
		"short path":       {func(t *record.Token) { t.Path = t.Path[1:] }, record.ErrToken, record.ErrToken},
		"long path":        {func(t *record.Token) { t.Path = append(t.Path, consensus.Hash{}) }, record.ErrToken, record.ErrToken},
		"disorder":         {commit(2, 1), record.ErrToken, record.ErrToken},
		"doubled":          {commit(1, 1), record.ErrToken, record.ErrToken},
		"type 0":           {commit(0, 1), record.ErrToken, nil},
		"type 127":         {commit(1, 127), nil, nil},
		"type 128 of mail": {commit(1, 128), record.ErrToken, nil},
		"type 191 of a document": {func(t *record.Token) {
			commit(1, 191)(t)
			t.Record.Kind = record.KindDocument
		}, nil, nil},
		"type 192 of a document": {func(t *record.Token) {
			commit(1, 192)(t)
			t.Record.Kind = record.KindDocument
		}, record.ErrToken, nil},
		"65 tags":          {func(t *record.Token) { t.Record.Tags = make([]record.Tag, 65) }, record.ErrToken, nil},
		"tags in disorder": {func(t *record.Token) { slices.Reverse(t.Record.Tags) }, record.ErrToken, nil},
		"tag twice":        {func(t *record.Token) { t.Record.Tags[1] = t.Record.Tags[0] }, record.ErrToken, nil},
		"no tags":          {func(t *record.Token) { t.Record.Tags = nil }, nil, nil},
	} {
		bad := sealed(letterComponents("ann@b.example"), 0, 3)
		c.spoil(bad)
		if _, err := record.DecodeToken(bad.Encode()); !errors.Is(err, c.want) {
			t.Errorf("version 2, %s: %v, want %v", name, err, c.want)
		}
		if c.v1 == nil {
			continue
		}
		bad = sealedV1(letterComponents("ann@b.example"), 0, 3)
		c.spoil(bad)
		if _, err := record.DecodeToken(bad.Encode()); !errors.Is(err, c.v1) {
			t.Errorf("version 1, %s: %v, want %v", name, err, c.v1)
		}
	}
}

// TestUnknownVersions: what may come from a newer Cairn is told from what is malformed.
func TestUnknownVersions(t *testing.T) {
	for version, seal := range versions {
		flags := seal(letterComponents(), 0, 1).Encode()
		flags[1] = 1
		if _, err := record.DecodeToken(flags); !errors.Is(err, record.ErrTokenVersion) {
			t.Errorf("version %d with flags: %v", version, err)
		}
	}
	for _, b := range [][]byte{{3, 0}, {255, 255, 1, 2, 3}, append([]byte{3}, make([]byte, 9000)...)} {
		if _, err := record.DecodeToken(b); !errors.Is(err, record.ErrTokenVersion) || errors.Is(err, record.ErrToken) {
			t.Errorf("%d bytes of version %d: %v", len(b), b[0], err)
		}
	}
}

// TestTokenSize holds the field of ordinary mail in the largest micro-batch, and that of a token
// with all it may have, to what they may take.
func TestTokenSize(t *testing.T) {
	comps := func(n int) (list []message.Component) {
		for i := range n {
			list = append(list, message.Component{Type: message.Type(1 + i)})
		}
		return list
	}
	tok := sealed(comps(14), 1000, 1024)
	if len(tok.Record.Tags) != 3 || len(tok.Path) != 10 {
		t.Fatalf("%d tags and a path of %d", len(tok.Record.Tags), len(tok.Path))
	}
	if size := len(tok.Header()); size > 1400 {
		t.Errorf("ordinary mail's field has %d octets", size)
	}
	tok = sealed(comps(record.MaxCommitments), 1000, 1024)
	tok.Record.Tags = manyTags()
	if got := mustFind(t, tok.Header()); len(got.Record.Tags) != record.MaxTags {
		t.Errorf("%d tags", len(got.Record.Tags))
	}
}

// A record has room for what one message yields.
func TestMessageFits(t *testing.T) {
	if message.MaxComponents > record.MaxCommitments {
		t.Errorf("a message has up to %d components, a record %d", message.MaxComponents, record.MaxCommitments)
	}
}

func FuzzDecodeToken(f *testing.F) {
	for _, seal := range versions {
		f.Add(seal(letterComponents("ann@b.example"), 0, 1).Encode())
		f.Add(seal(letterComponents(), 1000, 1024).Encode())
	}
	f.Add([]byte{1, 0})
	f.Add([]byte{3, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		tok, err := record.DecodeToken(b)
		if err != nil {
			return
		}
		if !bytes.Equal(tok.Encode(), b) {
			t.Fatal("not canonical: it encodes otherwise")
		}
		tok.VerifySignature()
		record.Compare(tok, letterDissection("ann@b.example"), record.Context{})
	})
}
