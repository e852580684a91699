package record_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"cairn/consensus/record"
)

func TestFindToken(t *testing.T) {
	for _, seal := range versions {
		tok := seal(letterComponents("ann@b.example"), 1, 4)
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
			"no base64url":                        "Cairn-Record: a+b/c=\r\n" + letter,
			"empty value":                         "Cairn-Record:\r\n" + letter,
			"too long":                            "Cairn-Record: " + strings.Repeat("A", 1<<20) + "\r\n" + letter,
			"loose bits":                          "Cairn-Record: " + text[:len(text)-1] + "\r\n" + letter,
			"cut short":                           "Cairn-Record: " + text[:len(text)-4] + "\r\n" + letter,
			"cut in a line, the next field in it": header[:len(header)/2] + "\r\n " + letter,
			"doubled in one field":                "Cairn-Record: " + text + text + "\r\n" + letter,
			"too long, of a later version":        "Cairn-Record: Aw" + strings.Repeat("A", 1<<20) + "\r\n" + letter,
		} {
			if tok, found, err := record.FindToken([]byte(raw)); !found || !errors.Is(err, record.ErrToken) || tok != nil {
				t.Errorf("%s: %v, found %v, %v", name, tok, found, err)
			}
		}
	}
	for name, raw := range map[string]string{
		"none":                 letter,
		"in the body":          letter + string(sealed(letterComponents(), 0, 1).Header()),
		"inside another field": "Subject: x\r\n " + string(sealed(letterComponents(), 0, 1).Header()) + letter,
		"empty":                "",
	} {
		if _, found, err := record.FindToken([]byte(raw)); found || err != nil {
			t.Errorf("%s: found %v, %v", name, found, err)
		}
		if fields := record.FindTokens([]byte(raw)); len(fields) > 0 {
			t.Errorf("%s: %d fields", name, len(fields))
		}
	}
	later := "Cairn-Record: AwABAg\r\n" + letter // 3, 0, 1, 2
	if _, found, err := record.FindToken([]byte(later)); !found || !errors.Is(err, record.ErrTokenVersion) {
		t.Errorf("of a later version: found %v, %v", found, err)
	}
}

// TestFindTokens: a record of whoever sent mail on stands above the original's, and what relays did
// to one field says nothing about the others.
func TestFindTokens(t *testing.T) {
	a, b := sealed(letterComponents("ann@b.example"), 1, 4), sealedV1(letterComponents("bob@b.example"), 2, 4)
	headerA, headerB := string(a.Header()), string(b.Header())
	unfolded := strings.ReplaceAll(headerA[:len(headerA)-2], "\r\n ", "") + "\r\n"
	contradicting := *a // another place for the same record
	contradicting.Seq++
	for name, c := range map[string]struct {
		raw  string
		want string // of each field: A, B, C, an m if malformed, a v if of a later version
	}{
		"one":                      {headerA, "A"},
		"two":                      {headerA + headerB, "AB"},
		"two, the other way":       {headerB + headerA, "BA"},
		"with others between":      {headerA + "Received: x\r\n y\r\nno field\r\n" + headerB, "AB"},
		"doubled":                  {headerA + headerB + headerA + headerB, "AB"},
		"doubled and unfolded":     {headerA + unfolded, "A"},
		"contradicting":            {headerA + string(contradicting.Header()), "AC"},
		"the upper one cut":        {headerA[:400] + "\r\n" + headerB, "mB"},
		"the lower one cut":        {headerA + headerB[:400] + "\r\n", "Am"},
		"of a later version":       {"Cairn-Record: AwAB\r\n" + headerA, "vA"},
		"empty":                    {"Cairn-Record:\r\n" + headerA + "Cairn-Record:\r\n", "mA"},
		"too long":                 {"Cairn-Record: " + strings.Repeat("A", 1<<20) + "\r\n" + headerA, "mA"},
		"the tenth":                {malformedFields(9) + headerA, "mmmmmmmmmA"},
		"the eleventh is too many": {malformedFields(10) + headerA, "mmmmmmmmmm"},
	} {
		got := ""
		fields := record.FindTokens([]byte(c.raw + letter))
		for _, f := range fields {
			switch {
			case (f.Token == nil) == (f.Err == nil):
				t.Fatalf("%s: token %v with error %v", name, f.Token, f.Err)
			case errors.Is(f.Err, record.ErrTokenVersion):
				got += "v"
			case errors.Is(f.Err, record.ErrToken):
				got += "m"
			case f.Token.Seq == contradicting.Seq:
				got += "C"
			case f.Token.RecordID() == a.RecordID():
				got += "A"
			case f.Token.RecordID() == b.RecordID():
				got += "B"
			}
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		top, _, err := record.FindToken([]byte(c.raw + letter))
		if first := fields[0]; (err == nil) != (first.Err == nil) || err == nil && !bytes.Equal(top.Encode(), first.Token.Encode()) {
			t.Errorf("%s: the topmost alone is %v, %v", name, top, err)
		}
	}
}

// malformedFields returns n token fields that hold no token, each another one.
func malformedFields(n int) (fields string) {
	for i := range n {
		fields += "Cairn-Record: A" + strings.Repeat("A", i) + "\r\n"
	}
	return fields
}

func FuzzFindToken(f *testing.F) {
	header := sealed(letterComponents("ann@b.example"), 1, 2).Header()
	f.Add(append(bytes.Clone(header), letter...))
	f.Add(append(sealedV1(letterComponents(), 0, 1).Header(), header...))
	f.Add([]byte("Cairn-Record: AAAA\n BBBB\n\nCairn-Record: x"))
	f.Add([]byte(letter))
	f.Fuzz(func(t *testing.T, raw []byte) {
		tok, found, err := record.FindToken(raw)
		if (tok != nil) != (found && err == nil) {
			t.Fatalf("token %v, found %v, error %v", tok, found, err)
		}
		fields := record.FindTokens(raw)
		if found != (len(fields) > 0) || len(fields) > record.MaxTokenFields {
			t.Fatalf("%d fields, found %v", len(fields), found)
		}
		for _, field := range fields {
			if (field.Token == nil) == (field.Err == nil) {
				t.Fatalf("token %v, error %v", field.Token, field.Err)
			}
		}
		if tok == nil {
			return
		}
		if again := mustFind(t, append(tok.Header(), raw...)); again.RecordID() != tok.RecordID() {
			t.Fatal("the token is not found again in its own header")
		}
	})
}
