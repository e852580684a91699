package message_test

import (
	"net/mail"
	"slices"
	"strings"
	"testing"

	"cairn/mailstore/message"
)

func TestCanonicalAddress(t *testing.T) {
	for in, want := range map[string]string{
		"jo@example.org":                           "jo@example.org",
		" <Jo@Example.ORG.> ":                      "Jo@example.org",
		"Jo Doe <jo@example.org>":                  "jo@example.org",
		`"Doe, Jo" <jo@example.org>`:               "jo@example.org",
		`"jo"@example.org`:                         "jo@example.org",
		`"jo doe"@example.org`:                     `"jo doe"@example.org`,
		`"jo@home"@example.org`:                    `"jo@home"@example.org`,
		"jo@bücher.example":                        "jo@xn--bcher-kva.example",
		"jo@XN--BCHER-KVA.example":                 "jo@xn--bcher-kva.example",
		"jö@example.org":                           "jö@example.org",
		"jo@[192.0.2.1]":                           "jo@[192.0.2.1]",
		"jo@[IPv6:2001:db8::1]":                    "jo@[ipv6:2001:db8::1]",
		"<@relay.example,@b.example:jo@c.example>": "jo@c.example",
		"jo @ example.org (home)":                  "jo@example.org",
		"(work) jo@example.org":                    "jo@example.org",
		"jo@example.org (unclosed":                 "jo@example.org",
		`"unclosed <jo@example.org>`:               "jo@example.org",
		"<jo@example.org":                          "jo@example.org",
		"team: jo@example.org, x@example.org;":     "jo@example.org",
		"mailto:jo@example.org":                    "jo@example.org",
		"jo":                                       "jo",
		"":                                         "",
		"<>":                                       "",
		"undisclosed-recipients:;":                 "",
	} {
		if got := message.CanonicalAddress(in); got != want {
			t.Errorf("CanonicalAddress(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestDomain(t *testing.T) {
	for in, want := range map[string]string{
		"jo@Example.ORG": "example.org", "jo@example.org.": "example.org", "jo@bücher.example": "xn--bcher-kva.example",
		"<jo@example.org>": "example.org", "jo": "", "": "", `"a@b"@c.example`: "c.example", "jo@UNDER_score.example": "under_score.example",
	} {
		if got := message.Domain(in); got != want {
			t.Errorf("Domain(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestAddressLists(t *testing.T) {
	for in, want := range map[string][]message.Address{
		`Ann <a@x.example>, "Bob, jr." <b@x.example>,c@x.example (Carl (the third))`: {
			{Name: "Ann", Addr: "a@x.example"}, {Name: "Bob, jr.", Addr: "b@x.example"}, {Name: "Carl (the third)", Addr: "c@x.example"}},
		`friends: a@x.example, B <b@x.example>; , c@x.example`: {
			{Name: "friends", Addr: "a@x.example"}, {Name: "B", Addr: "b@x.example"}, {Addr: "c@x.example"}},
		"<ceo@x.example> Jo <jo@y.example>":                  {{Name: "Jo", Addr: "ceo@x.example"}, {Addr: "jo@y.example"}},
		"<jo@y.example> <x@x.example>":                       {{Addr: "jo@y.example"}, {Addr: "x@x.example"}},
		"Jo <jo@y.example> <>":                               {{Name: "Jo", Addr: "jo@y.example"}},
		"jo@y.example: x@x.example;":                         {{Addr: "jo@y.example"}, {Addr: "x@x.example"}},
		"jo@y.example x: x@x.example;":                       {{Addr: "jo@y.example"}, {Addr: "x@x.example"}},
		"Jo <jo@y.example>: x@x.example":                     {{Name: "Jo", Addr: "jo@y.example"}, {Addr: "x@x.example"}},
		"jo@y.example x@x.example":                           {{Addr: "jo@y.example"}, {Addr: "x@x.example"}},
		`"The Bank": (CEO) Jo <jo@y.example>;`:               {{Name: "The Bank: Jo (CEO)", Addr: "jo@y.example"}},
		"A: B: Jo <jo@y.example>":                            {{Name: "A: B: Jo", Addr: "jo@y.example"}},
		"The Bank:;, Jo <jo@y.example>":                      {{Name: "The Bank: Jo", Addr: "jo@y.example"}},
		"Jo <jo@y.example>, The Bank (x):;":                  {{Name: "Jo The Bank (x)", Addr: "jo@y.example"}},
		"(The Bank), Jo <jo@y.example>":                      {{Name: "The Bank Jo", Addr: "jo@y.example"}},
		"undisclosed-recipients:;":                           nil,
		"Jo (ceo@x.example, CEO) <jo@y.example>":             {{Name: "Jo (ceo@x.example, CEO)", Addr: "jo@y.example"}},
		"<jo@y.example> (Jo)":                                {{Name: "Jo", Addr: "jo@y.example"}},
		"@relay.example,@b.example:jo@y.example":             {{Addr: "jo@y.example"}},
		"=?utf-8?q?J=C3=B6rg?= =?utf-8?q?_X?= <a@x.example>": {{Name: "Jörg X", Addr: "a@x.example"}},
		`"=?utf-8?q?J=C3=B6rg?=" <a@x.example>`:              {{Name: "Jörg", Addr: "a@x.example"}},
		"\"a@x.example\" <b@x.example>":                      {{Name: "a@x.example", Addr: "b@x.example"}},
		"J\xf6rg <a@x.example>":                              {{Name: "Jörg", Addr: "a@x.example"}},
	} {
		if got := message.Parse([]byte("From: " + in + "\n\nx")).From; !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// TestAddressesAgainstLibrary takes the standard library as the judge of well-formed lists in real
// mail.
func TestAddressesAgainstLibrary(t *testing.T) {
	checked := 0
	mails(t, []string{"ham", "spam", "intl", "phishing", "transit"}, func(path string, raw []byte) {
		m := message.Parse(raw)
		for name, list := range map[string][]message.Address{"From": m.From, "To": m.To, "Cc": m.Cc, "Reply-To": m.ReplyTo} {
			values := m.Headers(name)
			if len(values) != 1 || strings.Contains(m.RawHeader(name), "=?") {
				continue
			}
			expected, err := mail.ParseAddressList(values[0])
			if err != nil {
				continue
			}
			checked++
			for i, e := range expected {
				if strings.ContainsAny(e.Address, " <") || !ascii(e.Address) {
					continue // the library takes the quotes off, or words are encoded where they must not be
				}
				if len(list) != len(expected) || !strings.EqualFold(list[i].Addr, e.Address) {
					t.Errorf("%s: %s %q: %q, the library says %q", path, name, values[0], list, e.Address)
					break
				}
			}
		}
	})
	if checked < 3000 {
		t.Errorf("only %d lists checked", checked)
	}
}

func ascii(s string) bool { return !strings.ContainsFunc(s, func(r rune) bool { return r > 126 }) }
