package tlsa

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"cairn/smtpgw/dnssec"
)

// zone answers by "name type": records divided by blanks, with "unsigned" among them where they are
// not validated, and "-> name" in front where an alias leads to that. What is not there does not
// exist, as the zone has signed; "fails" has no answer.
type zone map[string]string

var kinds = map[dnsmessage.Type]string{dnsmessage.TypeMX: "MX", dnsmessage.TypeA: "A", dnsmessage.TypeAAAA: "AAAA", dnsmessage.TypeCNAME: "CNAME", dnssec.TypeTLSA: "TLSA"}

func (z zone) Ask(_ context.Context, name string, kind dnsmessage.Type) (dnssec.Answer, error) {
	name = strings.TrimSuffix(name, ".")
	key := name + " " + kinds[kind]
	z["asked"] += key + "\n"
	text := z[key]
	a := dnssec.Answer{Secure: true, Name: name, TTL: time.Minute}
	if text == "fails" {
		return dnssec.Answer{}, fmt.Errorf("ask: %w", dnssec.ErrFails)
	}
	words := strings.Fields(text)
	for i := 0; i < len(words); i++ {
		switch word := words[i]; {
		case word == "unsigned":
			a.Secure = false
		case word == "->":
			i++
			a.Name = words[i]
		case word == "many":
			a.Records = make([]dnssec.Record, 1000)
			for i := range a.Records {
				a.Records[i].Data = append([]byte{3, 1, 1}, make([]byte, 32)...)
			}
		case kind == dnsmessage.TypeMX:
			a.Records = append(a.Records, dnssec.Record{MX: dnssec.MX{Host: word + "."}})
		case kind == dnssec.TypeTLSA:
			a.Records = append(a.Records, dnssec.Record{Data: []byte(word)})
		default:
			a.Records = append(a.Records, dnssec.Record{Addr: []byte{192, 0, 2, 1}})
		}
	}
	return a, nil
}

var key = "\x03\x01\x01" + strings.Repeat("k", 32)

func TestOf(t *testing.T) {
	const mx, a, six, there = "example.org MX", "mx.example.org A", "mx.example.org AAAA", "_25._tcp.mx.example.org TLSA"
	for _, tt := range []struct {
		name string
		zone zone
		host string // mx.example.org if empty
		want string // base, whether authenticated, names; or "none", or "unknown"
	}{
		{"a key", zone{mx: "mx.example.org", a: "x", there: key}, "", "mx.example.org true [mx.example.org example.org]"},
		{"a key, and one address family", zone{mx: "MX.example.org", six: "x", a: "", there: key}, "", "mx.example.org true [mx.example.org example.org]"},
		{"no key", zone{mx: "mx.example.org", a: "x"}, "", "none"},
		{"unusable keys", zone{mx: "mx.example.org", a: "x", there: "\x01\x01\x01k"}, "", "mx.example.org false [mx.example.org example.org]"},
		{"a domain that is not signed", zone{mx: "unsigned mx.example.org", a: "x", there: key}, "", "none"},
		{"a host that is not signed", zone{mx: "mx.example.org", a: "unsigned x", six: "unsigned", there: key}, "", "none"},
		{"a host of which one family is signed", zone{mx: "mx.example.org", a: "unsigned x", there: key}, "", "mx.example.org true [mx.example.org example.org]"},
		{"keys that are not signed", zone{mx: "mx.example.org", a: "x", there: "unsigned " + key}, "", "none"},
		{"a host that is no exchanger any more", zone{mx: "other.example.org", a: "x", there: key}, "", "unknown"},
		{"a host although there are no records", zone{a: "x", there: key}, "", "unknown"},
		{"no exchangers", zone{"example.org A": "x", "_25._tcp.example.org TLSA": key}, "example.org", "example.org true [example.org]"},
		{"the domain is forged", zone{mx: "fails"}, "", "unknown"},
		{"addresses are forged", zone{mx: "mx.example.org", a: "fails", six: "x", there: key}, "", "unknown"},
		{"addresses of the other family are forged", zone{mx: "mx.example.org", six: "fails", a: "x", there: key}, "", "unknown"},
		{"keys are forged", zone{mx: "mx.example.org", a: "x", there: "fails"}, "", "unknown"},
		{"keys that are none", zone{mx: "mx.example.org", a: "x", there: "k"}, "", "unknown"},
		{"a thousand keys", zone{mx: "mx.example.org", a: "x", there: "many"}, "", "unknown"},
		{"an alias", zone{mx: "mx.example.org", a: "-> far.example x", six: "-> far.example", "_25._tcp.far.example TLSA": key}, "", "far.example true [far.example mx.example.org example.org]"},
		{"an alias with keys of its own", zone{mx: "mx.example.org", a: "-> far.example x", six: "-> far.example", there: key}, "", "mx.example.org true [mx.example.org example.org]"},
		{"an alias with keys at both", zone{mx: "mx.example.org", a: "-> far.example x", six: "-> far.example", there: "unsigned k", "_25._tcp.far.example TLSA": key}, "", "far.example true [far.example mx.example.org example.org]"},
		{"a signed alias to what is not", zone{mx: "mx.example.org", a: "unsigned -> far.example x", six: "unsigned -> far.example", "mx.example.org CNAME": "x", there: key}, "", "mx.example.org true [mx.example.org example.org]"},
		{"an alias that is not signed", zone{mx: "mx.example.org", a: "unsigned -> far.example x", six: "unsigned -> far.example", "mx.example.org CNAME": "unsigned x", there: key}, "", "none"},
		{"a domain that is an alias", zone{mx: "-> example.net mx.example.org", a: "x", there: key}, "", "mx.example.org true [mx.example.org example.org example.net]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			host := tt.host
			if host == "" {
				host = "mx.example.org"
			}
			s, err := NewFinder(tt.zone).Of(t.Context(), "example.org", host, time.Now())
			got := "none"
			if err != nil {
				got = "unknown"
			} else if s != nil {
				got = fmt.Sprintf("%s %v %v", s.Base, s.Authenticated(), s.Names)
			}
			if got != tt.want {
				t.Errorf("%s (%v), want %s", got, err, tt.want)
			}
			if strings.HasPrefix(tt.name, "a host that is not signed") && strings.Contains(tt.zone["asked"], "TLSA") {
				t.Errorf("asked a zone that is not signed for keys:\n%s", tt.zone["asked"])
			}
		})
	}
}

// TestKept: what was answered counts for its time, and what was not is asked again.
func TestKept(t *testing.T) {
	z := zone{"example.org MX": "mx.example.org", "mx.example.org A": "fails"}
	f, now := NewFinder(z), time.Unix(1e9, 0)
	asked := func(want string, after time.Duration) {
		t.Helper()
		z["asked"] = ""
		s, err := f.Of(t.Context(), "example.org", "mx.example.org", now.Add(after))
		got := fmt.Sprint(s != nil, " ", err != nil, " ", strings.Count(z["asked"], "\n"))
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	asked("false true 2", 0)
	z["mx.example.org A"], z["_25._tcp.mx.example.org TLSA"] = "x", key
	asked("true false 4", 0)
	z["_25._tcp.mx.example.org TLSA"] = ""
	asked("true false 0", 59*time.Second)
	asked("false false 4", time.Minute)
	for i := range keptMost + 10 {
		domain := fmt.Sprintf("d%d.example", i)
		delete(z, "asked")
		if _, err := f.Of(t.Context(), domain, domain, now); err != nil {
			t.Fatal(err)
		}
	}
	if len(f.known) > keptMost {
		t.Errorf("%d are kept", len(f.known))
	}
}
