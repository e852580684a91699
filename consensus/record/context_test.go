package record_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"cairn/consensus"
	"cairn/consensus/record"
)

func TestAddressMap(t *testing.T) {
	m, err := record.ParseAddressMap([]string{
		"ann@in.example = Ann.Doe@example.org", " @IN.example=@Example.ORG ", "@bücher.example = @books.example",
		"info@in.example = office@example.org", "@deep.in.example = @deep.example.org",
		"ann=example.org@fwd.example = ann@example.org",
	})
	if err != nil {
		t.Fatal(err)
	}
	for received, want := range map[string]string{
		"ann@in.example":              "Ann.Doe@example.org", // its own rule before that of its domain
		"ANN@In.example":              "Ann.Doe@example.org",
		"Bob@in.example":              "Bob@example.org", // local parts stay as they are
		"bob@deep.in.example":         "bob@deep.example.org",
		"bob@other.in.example":        "bob@other.in.example",
		"ann.doe@example.org":         "ann.doe@example.org", // once, and in one direction
		"a@xn--bcher-kva.example":     "a@books.example",
		"no address":                  "no address",
		"":                            "",
		"ann=example.org@fwd.example": "ann@example.org",
		"office@in.example.evil.org":  "office@in.example.evil.org",
	} {
		if got := m.Original(received); got != want {
			t.Errorf("%s was %s, want %s", received, got, want)
		}
	}
	if got := record.AddressMap(nil).Original("a@b.example"); got != "a@b.example" {
		t.Errorf("no rules make %s", got)
	}
}

func TestAddressMapRefuses(t *testing.T) {
	for _, tt := range []struct{ rule, why string }{
		{"", "form"}, {"a@b.example", "form"}, {"a@b.example = c@d.example = e@f.example", "form"},
		{"a@b.example =", "address"}, {"= a@b.example", "address"}, {"b.example = c.example", "address"},
		{"a@b@c.example = d@e.example", "address"}, {"a@ = c@d", "address"}, {"a b@c.example = d@e.example", "address"},
		{"a@b.example, c@d.example = e@f.example", "address"}, {"<a@b.example> = c@d.example", "address"},
		{"@b.example = a@c.example", "the other a domain"}, {"a@b.example = @c.example", "the other a domain"},
		{"a@b.example = A@B.example", "nothing"}, {"@.example = @b.example", "address"},
		{"a@b.example = c@\u00b4.example", "address"}, {"@[192.0.2.1] = @b.example", "address"},
	} {
		if _, err := record.ParseAddressMap([]string{tt.rule}); err == nil || !strings.Contains(err.Error(), tt.why) {
			t.Errorf("%q: %v", tt.rule, err)
		}
	}
	twice := []string{"a@b.example = c@d.example", "A@b.example = e@f.example"}
	if _, err := record.ParseAddressMap(twice); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("two rules for one address: %v", err)
	}
	many := make([]string, record.MaxAddressRule+1)
	for i := range many {
		many[i] = fmt.Sprintf("a%d@b.example = c@d.example", i)
	}
	if _, err := record.ParseAddressMap(many); err == nil {
		t.Error("too many rules are taken")
	}
}

// FuzzAddressMap: a rule that is taken reads back as itself and does what it
// says.
func FuzzAddressMap(f *testing.F) {
	f.Add("ann@in.example = ann@example.org")
	f.Add("@in.example = @example.org")
	f.Add("\"a b\"@x.example = @")
	f.Fuzz(func(t *testing.T, rule string) {
		m, err := record.ParseAddressMap([]string{rule})
		if err != nil {
			return
		}
		again, err := record.ParseAddressMap([]string{m[0].String()})
		if err != nil || !slices.Equal(again, m) {
			t.Fatalf("%q became %q, then %v, %v", rule, m[0], again, err)
		}
		if received, ok := strings.CutPrefix(m[0].Received, "@"); ok {
			if got := m.Original("x@" + received); got != "x"+m[0].Sent {
				t.Fatalf("%q makes %q", rule, got)
			}
		} else if got := m.Original(m[0].Received); got != m[0].Sent {
			t.Fatalf("%q makes %q", rule, got)
		}
	})
}

func TestCheckBanner(t *testing.T) {
	for text, want := range map[string]string{
		"External mail":                         "External mail",
		"\r\n== External ==  \r\nTake care\r\n": "== External ==\nTake care",
		"  indented\n\n\nlast\t":                "  indented\n\n\nlast",
		"":                                      "",
		" \r\n\t\n":                             "",
		"bell\a":                                "",
		"\xff":                                  "",
		strings.Repeat("x", record.MaxBanner+1): "",
	} {
		got, err := record.CheckBanner(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q became %q, %v", text, got, err)
		}
	}
}

// TestKnownForwarders: a hop counts only if its own node recorded it, that node
// is trusted for the forwarder's domain, and the record below is for the
// address that the account knows.
func TestKnownForwarders(t *testing.T) {
	hops := func(hands int) []record.Hop {
		list, err := record.Custody(tokensOf(t, passed(hands)))
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	three := hops(3) // hand 1 wrote to hand1@h1, who sent it on to hand2@h2, who sent it on to hand3@h3
	speaks := func(recorder consensus.Key, domain string) bool {
		return recorder == three[1].Token.Recorder && domain == "h1.example" ||
			recorder == three[0].Token.Recorder && domain == "h2.example"
	}
	list := record.Forwarder{Domain: "h1.example", Posting: "Hand1@h1.example", List: true}
	old := record.Forwarder{Domain: "h2.example", Posting: "hand2@h2.example"}
	for _, tt := range []struct {
		name  string
		hops  []record.Hop
		known []record.Forwarder
		want  []record.Forwarder
	}{
		{"direct", hops(1), []record.Forwarder{list, old}, nil},
		{"one hop", three[1:], []record.Forwarder{old, list}, []record.Forwarder{list}},
		{"two hops", three, []record.Forwarder{list, old}, []record.Forwarder{old, list}},
		{"one of two is not known", three, []record.Forwarder{list}, nil},
		{"nobody is known", three[1:], nil, nil},
		{"known for another address", three[1:], []record.Forwarder{{Domain: "h1.example", Posting: "other@h1.example"}}, nil},
		{"not trusted for that domain", three[1:], []record.Forwarder{{Domain: "h9.example", Posting: "hand1@h1.example"}}, nil},
		{"another's node sent it on", three[1:], []record.Forwarder{{Domain: "h2.example", Posting: "hand1@h1.example"}}, nil},
	} {
		got, ok := record.KnownForwarders(tt.hops, tt.known, speaks)
		if !slices.Equal(got, tt.want) || ok != (tt.want != nil) {
			t.Errorf("%s: %v, %v", tt.name, got, ok)
		}
	}
}
