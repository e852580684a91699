package record_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"cairn/consensus"
	"cairn/consensus/record"
	"cairn/mailstore/message"
)

func TestTokenRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.IntRange(1, 1024).Draw(t, "count")
		leaf := rapid.IntRange(0, count-1).Draw(t, "leaf")
		var comps []message.Component
		for i := range rapid.IntRange(1, message.MaxComponents).Draw(t, "components") {
			comps = append(comps, message.Component{Type: message.Type(1 + i/3), Index: uint16(i % 3), Content: []byte{byte(i)}})
		}
		tok := sealed(comps, leaf, count)
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
		for _, line := range strings.SplitAfter(string(tok.Header()), "\r\n") {
			if len(line) > 78 {
				t.Fatalf("a line of %d characters", len(line)-2)
			}
		}
	})
}

// TestTokenBits flips every bit of a token: either it is refused, or it no longer proves the record.
func TestTokenBits(t *testing.T) {
	tok := sealed(letterComponents("ann@b.example"), 5, 9)
	encoded := tok.Encode()
	for i := range encoded {
		for bit := range 8 {
			bad := bytes.Clone(encoded)
			bad[i] ^= 1 << bit
			decoded, err := record.DecodeToken(bad)
			if err != nil {
				if !errors.Is(err, record.ErrToken) {
					t.Fatalf("byte %d: %v is no ErrToken", i, err)
				}
				continue
			}
			if secret := i >= 52 && i < 84; !secret && decoded.VerifySignature() {
				t.Errorf("bit %d of byte %d makes no difference", bit, i)
			} else if secret && record.Compare(decoded, letterComponents("ann@b.example")).Same != 0 {
				t.Errorf("bit %d of byte %d of the secret makes no difference", bit, i)
			}
		}
	}
}

func TestDecodeTokenRefuses(t *testing.T) {
	good := sealed(letterComponents("ann@b.example"), 0, 3)
	for name, spoil := range map[string]func(*record.Token){
		"seq 0":            func(t *record.Token) { t.Seq = 0 },
		"micro 64":         func(t *record.Token) { t.Micro = 64 },
		"count 0":          func(t *record.Token) { t.Count = 0 },
		"count 1025":       func(t *record.Token) { t.Count = 1025 },
		"leaf = count":     func(t *record.Token) { t.Leaf = 3 },
		"version 2":        func(t *record.Token) { t.Version = 2 },
		"record version 2": func(t *record.Token) { t.Record.Version = 2 },
		"no commitments":   func(t *record.Token) { t.Record.Commitments = nil },
		"65 commitments":   func(t *record.Token) { t.Record.Commitments = make([]record.Commitment, 65) },
		"short path":       func(t *record.Token) { t.Path = t.Path[1:] },
		"long path":        func(t *record.Token) { t.Path = append(t.Path, consensus.Hash{}) },
		"disorder": func(t *record.Token) {
			c := append([]record.Commitment(nil), t.Record.Commitments...)
			c[0], c[1] = c[1], c[0]
			t.Record.Commitments = c
		},
		"doubled": func(t *record.Token) {
			t.Record.Commitments = append([]record.Commitment{t.Record.Commitments[0]}, t.Record.Commitments...)
		},
	} {
		bad := *good
		spoil(&bad)
		if _, err := record.DecodeToken(bad.Encode()); !errors.Is(err, record.ErrToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	encoded := good.Encode()
	for name, b := range map[string][]byte{"nothing": nil, "cut short": encoded[:len(encoded)-1], "left over": append(bytes.Clone(encoded), 0), "huge": make([]byte, 1<<20)} {
		if _, err := record.DecodeToken(b); !errors.Is(err, record.ErrToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFindToken(t *testing.T) {
	tok := sealed(letterComponents("ann@b.example"), 1, 4)
	other := sealed(letterComponents("bob@b.example"), 2, 4)
	header := string(tok.Header())
	text := base64.RawURLEncoding.EncodeToString(tok.Encode())
	for name, raw := range map[string]string{
		"as made":            header + letter,
		"below trace":        "Received: from a by b\r\n\tfor x\r\n" + header + letter,
		"LF":                 strings.ReplaceAll(header+letter, "\r\n", "\n"),
		"lower case":         strings.Replace(header, "Cairn-Record:", "cairn-record :", 1) + letter,
		"one line":           "Cairn-Record:" + text + "\r\n" + letter,
		"folded with tabs":   strings.ReplaceAll(header, "\r\n ", "\r\n\t\t") + letter,
		"folded at once":     "Cairn-Record:\r\n " + text + " \r\n" + letter,
		"topmost of several": header + string(other.Header()) + letter,
		"nothing after it":   strings.TrimSuffix(header, "\r\n"),
	} {
		if got := mustFind(t, []byte(raw)); got.RecordID() != tok.RecordID() {
			t.Errorf("%s: another token was found", name)
		}
	}
	for name, raw := range map[string]string{
		"none":                 letter,
		"in the body":          letter + header,
		"inside another field": "Subject: x\r\n " + header + letter,
		"empty":                "",
	} {
		if _, found, err := record.FindToken([]byte(raw)); found || err != nil {
			t.Errorf("%s: found %v, %v", name, found, err)
		}
	}
	for name, raw := range map[string]string{
		"no base64url": "Cairn-Record: a+b/c=\r\n" + letter,
		"empty value":  "Cairn-Record:\r\n" + letter,
		"too long":     "Cairn-Record: " + strings.Repeat("A", 1<<20) + "\r\n" + letter,
		"loose bits":   "Cairn-Record: " + text[:len(text)-1] + "\r\n" + letter,
		"cut short":    "Cairn-Record: " + text[:len(text)-4] + "\r\n" + letter,
	} {
		if tok, found, err := record.FindToken([]byte(raw)); !found || err == nil || tok != nil {
			t.Errorf("%s: %v, found %v, %v", name, tok, found, err)
		}
	}
}

// TestOneComponent proves one component alone, as a reader could to a third party: no secret, no other content.
func TestOneComponent(t *testing.T) {
	comps := letterComponents("ann@b.example")
	tok := sealed(comps, 3, 8)
	for i, c := range comps {
		salt := record.Salt(tok.Secret, c.Type, c.Index)
		leaf := record.CommitTo(c.Type, c.Index, salt, digest(c.Content))
		root, ok := record.VerifyPath(record.Commitment{Type: c.Type, Index: c.Index, C: leaf}.Entry(), i, len(comps), tok.Record.ComponentPath(i))
		if !ok || root != tok.Record.Root() {
			t.Errorf("%s is not proved", c.Type)
		}
		if wrong := record.CommitTo(c.Type, c.Index, salt, digest([]byte("else"))); wrong == leaf {
			t.Errorf("%s: another content has the same commitment", c.Type)
		}
	}
}

// TestCommitmentsAreApart: equal contents have unequal commitments in other types, indices and records.
func TestCommitmentsAreApart(t *testing.T) {
	seen := map[consensus.Hash]string{}
	for _, secret := range []record.Secret{{1}, {2}} {
		for _, typ := range []message.Type{message.From, message.To} {
			for index := range uint16(3) {
				c := record.Commit(secret, []message.Component{{Type: typ, Index: index, Content: []byte("x")}})[0].C
				name := fmt.Sprint(secret[0], typ, index)
				if other, ok := seen[c]; ok {
					t.Errorf("%s and %s share a commitment", name, other)
				}
				seen[c] = name
			}
		}
	}
}

func FuzzDecodeToken(f *testing.F) {
	f.Add(sealed(letterComponents("ann@b.example"), 0, 1).Encode())
	f.Add(sealed(letterComponents(), 1000, 1024).Encode())
	f.Add([]byte{1, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		tok, err := record.DecodeToken(b)
		if err != nil {
			return
		}
		if !bytes.Equal(tok.Encode(), b) {
			t.Fatal("not canonical: it encodes otherwise")
		}
		tok.VerifySignature()
		record.Compare(tok, letterComponents("ann@b.example"))
	})
}

func FuzzFindToken(f *testing.F) {
	header := sealed(letterComponents("ann@b.example"), 1, 2).Header()
	f.Add(append(bytes.Clone(header), letter...))
	f.Add([]byte("Cairn-Record: AAAA\n BBBB\n\nCairn-Record: x"))
	f.Add([]byte(letter))
	f.Fuzz(func(t *testing.T, raw []byte) {
		tok, found, err := record.FindToken(raw)
		if (tok != nil) != (found && err == nil) {
			t.Fatalf("token %v, found %v, error %v", tok, found, err)
		}
		if tok == nil {
			return
		}
		if again := mustFind(t, append(tok.Header(), raw...)); again.RecordID() != tok.RecordID() {
			t.Fatal("the token is not found again in its own header")
		}
	})
}
