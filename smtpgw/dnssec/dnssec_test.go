package dnssec

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"cairn/smtpgw/dnstest"
)

// answerTo is an answer with records.
func answerTo(q dnsmessage.Message, change func(*dnsmessage.Message), records ...dnsmessage.Resource) []byte {
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: q.ID, Response: true, AuthenticData: true}, Questions: q.Questions, Answers: records}
	if change != nil {
		change(&m)
	}
	b, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return b
}

func header(name string, kind dnsmessage.Type, ttl uint32) dnsmessage.ResourceHeader {
	return dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET, TTL: ttl}
}

func alias(from, to string) dnsmessage.Resource {
	return dnsmessage.Resource{Header: header(from, dnsmessage.TypeCNAME, 30), Body: &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName(to)}}
}

func tlsa(name string, data ...byte) dnsmessage.Resource {
	return dnsmessage.Resource{Header: header(name, TypeTLSA, 60), Body: &dnsmessage.UnknownResource{Type: TypeTLSA, Data: data}}
}

func TestAsk(t *testing.T) {
	const name = "_25._tcp.mx.example.org."
	for _, tt := range []struct {
		name  string
		reply func(network string, q dnsmessage.Message) []byte
		err   error
		want  string // records, secure, name, time
	}{
		{"records", func(_ string, q dnsmessage.Message) []byte {
			return answerTo(q, nil, tlsa(strings.ToUpper(name), 3, 1, 1, 9), tlsa(name, 2, 1, 1, 8), tlsa("other.example.", 1))
		}, nil, "[03010109 02010108] true _25._tcp.mx.example.org 1m0s"},
		{"not validated", func(_ string, q dnsmessage.Message) []byte {
			return answerTo(q, func(m *dnsmessage.Message) { m.AuthenticData = false }, tlsa(name, 3, 1, 1, 9))
		}, nil, "[03010109] false _25._tcp.mx.example.org 1m0s"},
		{"an alias", func(_ string, q dnsmessage.Message) []byte {
			return answerTo(q, nil, alias(name, "A.example."), alias("a.example.", "b.example."), tlsa("b.example.", 1))
		}, nil, "[01] true b.example 30s"},
		{"no such name", func(_ string, q dnsmessage.Message) []byte {
			return answerTo(q, func(m *dnsmessage.Message) { m.RCode = dnsmessage.RCodeNameError })
		}, nil, "[] true _25._tcp.mx.example.org 1m0s"},
		{"forged", func(_ string, q dnsmessage.Message) []byte {
			return answerTo(q, func(m *dnsmessage.Message) { m.RCode = dnsmessage.RCodeServerFailure })
		}, ErrFails, ""},
		{"refused", func(_ string, q dnsmessage.Message) []byte {
			return answerTo(q, func(m *dnsmessage.Message) { m.RCode = dnsmessage.RCodeRefused })
		}, ErrFails, ""},
		{"aliases in a circle", func(_ string, q dnsmessage.Message) []byte {
			return answerTo(q, nil, alias(name, "a.example."), alias("a.example.", name))
		}, ErrTooMuch, ""},
		{"aliases without end", func(_ string, q dnsmessage.Message) []byte {
			list := []dnsmessage.Resource{alias(name, "n0.example.")}
			for i := range 50 {
				list = append(list, alias(fmt.Sprintf("n%d.example.", i), fmt.Sprintf("n%d.example.", i+1)))
			}
			return answerTo(q, nil, list...)
		}, ErrTooMuch, ""},
		{"a thousand records", func(network string, q dnsmessage.Message) []byte {
			if network == "udp" {
				return answerTo(q, func(m *dnsmessage.Message) { m.Truncated = true })
			}
			var list []dnsmessage.Resource
			for i := range 1000 {
				list = append(list, tlsa(name, byte(i>>8), byte(i)))
			}
			return answerTo(q, nil, list...)
		}, ErrTooMuch, ""},
		{"too large for UDP", func(network string, q dnsmessage.Message) []byte {
			return answerTo(q, func(m *dnsmessage.Message) { m.Truncated = network == "udp" }, tlsa(name, []byte(network)...))
		}, nil, "[746370] true _25._tcp.mx.example.org 1m0s"},
		{"what is cut off by TCP", func(_ string, q dnsmessage.Message) []byte {
			return answerTo(q, func(m *dnsmessage.Message) { m.Truncated = true })
		}, ErrSilent, ""},
		{"a record that is cut off", func(_ string, q dnsmessage.Message) []byte {
			b := answerTo(q, nil, tlsa(name, 3, 1, 1, 9))
			return b[:len(b)-2]
		}, ErrUnsound, ""},
		{"to another question, by somebody else", func(network string, q dnsmessage.Message) []byte {
			if network == "udp" {
				return answerTo(q, func(m *dnsmessage.Message) { m.ID++ }, tlsa(name, 6, 6, 6))
			}
			return nil
		}, ErrSilent, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), map[bool]time.Duration{true: 300 * time.Millisecond, false: time.Minute}[tt.err == ErrSilent])
			defer cancel()
			a, err := NewClient(dnstest.Answering(t, tt.reply)).Ask(ctx, name, TypeTLSA)
			if !errors.Is(err, tt.err) || (err == nil) != (tt.err == nil) {
				t.Fatal(err)
			}
			var data []string
			for _, r := range a.Records {
				data = append(data, fmt.Sprintf("%x", r.Data))
			}
			if got := fmt.Sprintf("%v %v %s %s", data, a.Secure, a.Name, a.TTL); err == nil && got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
	for _, bad := range []string{"", "no-dot", "a..example.", strings.Repeat("x", 64) + ".example.", strings.Repeat("x.", 200)} {
		if _, err := NewClient("127.0.0.1:1").Ask(t.Context(), bad, TypeTLSA); err == nil || errors.Is(err, ErrSilent) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestForeignAnswers: what others send to the port is passed over for the answer.
func TestForeignAnswers(t *testing.T) {
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		buf := make([]byte, 4096)
		n, from, err := l.ReadFrom(buf)
		var q dnsmessage.Message
		if err != nil || q.Unpack(buf[:n]) != nil {
			return
		}
		l.WriteTo([]byte("no message"), from)
		l.WriteTo(buf[:n], from) // the question
		l.WriteTo(answerTo(q, func(m *dnsmessage.Message) { m.ID++ }, tlsa("a.example.", 6)), from)
		l.WriteTo(answerTo(q, func(m *dnsmessage.Message) { m.Questions[0].Type = dnsmessage.TypeMX }), from)
		l.WriteTo(answerTo(q, func(m *dnsmessage.Message) {
			m.Questions[0].Type, m.Questions[0].Name = TypeTLSA, dnsmessage.MustNewName("A.Example.")
		}, tlsa("a.example.", 3)), from)
	}()
	a, err := NewClient(l.LocalAddr().String()).Ask(t.Context(), "a.example.", TypeTLSA)
	if err != nil || len(a.Records) != 1 || a.Records[0].Data[0] != 3 {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestLookups(t *testing.T) {
	c := NewClient(dnstest.Answering(t, func(_ string, q dnsmessage.Message) []byte {
		name := q.Questions[0].Name.String()
		switch kind := q.Questions[0].Type; {
		case name == "fails.example.":
			return answerTo(q, func(m *dnsmessage.Message) { m.RCode = dnsmessage.RCodeServerFailure })
		case name != "a.example.":
		case kind == dnsmessage.TypeMX:
			return answerTo(q, nil, dnsmessage.Resource{Header: header(name, kind, 9), Body: &dnsmessage.MXResource{Pref: 7, MX: dnsmessage.MustNewName("mx.example.")}})
		case kind == dnsmessage.TypeA:
			return answerTo(q, nil, dnsmessage.Resource{Header: header(name, kind, 9), Body: &dnsmessage.AResource{A: [4]byte{192, 0, 2, 1}}})
		case kind == dnsmessage.TypeAAAA:
			return answerTo(q, nil, dnsmessage.Resource{Header: header(name, kind, 9), Body: &dnsmessage.AAAAResource{AAAA: netip.MustParseAddr("2001:db8::1").As16()}})
		}
		return answerTo(q, nil)
	}))
	mx, err := c.LookupMX(t.Context(), "a.example.")
	if err != nil || len(mx) != 1 || *mx[0] != (net.MX{Host: "mx.example.", Pref: 7}) {
		t.Errorf("%v, %v", mx, err)
	}
	for network, want := range map[string]string{"ip4": "[192.0.2.1]", "ip6": "[2001:db8::1]"} {
		if list, err := c.LookupNetIP(t.Context(), network, "a.example."); err != nil || fmt.Sprint(list) != want {
			t.Errorf("%s: %v, %v", network, list, err)
		}
	}
	for name, absent := range map[string]bool{"none.example.": true, "fails.example.": false} {
		_, err := c.LookupMX(t.Context(), name)
		if d, ok := errors.AsType[*net.DNSError](err); !ok || d.IsNotFound != absent {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestValidates: whose word counts.
func TestValidates(t *testing.T) {
	probes := Probes{"signed.example.", "broken.example."}
	soa := func(q dnsmessage.Message, change func(*dnsmessage.Message)) []byte { return answerTo(q, change) }
	unmarked := func(m *dnsmessage.Message) { m.AuthenticData = false }
	fails := func(m *dnsmessage.Message) { m.RCode = dnsmessage.RCodeServerFailure }
	both := func(signed, broken func(*dnsmessage.Message)) func(string, dnsmessage.Message) []byte {
		return func(_ string, q dnsmessage.Message) []byte {
			if q.Questions[0].Name.String() == probes.Signed {
				return soa(q, signed)
			}
			return soa(q, broken)
		}
	}
	for name, tt := range map[string]struct {
		reply func(string, dnsmessage.Message) []byte
		on    bool
		err   string
	}{
		"it does":             {both(nil, fails), true, ""},
		"it marks nothing":    {both(unmarked, fails), false, "is not marked as validated"},
		"it marks everything": {both(nil, nil), false, "it answers for broken.example."},
		"it passes on":        {both(unmarked, unmarked), false, "is not marked as validated"},
		"it refuses":          {both(fails, fails), false, "it has no answer for signed.example."},
	} {
		t.Run(name, func(t *testing.T) {
			r := NewResolver(dnstest.Answering(t, tt.reply), probes)
			for range 2 {
				if on, err := r.Validates(t.Context(), time.Now()); on != tt.on || (err == nil) != tt.on || err != nil && !strings.Contains(err.Error(), tt.err) {
					t.Errorf("%v, %v", on, err)
				}
			}
		})
	}
}

// TestSilenced: who keeps the resolver from being asked, or from an answer that it can trust,
// switches nothing off, and who does not validate any more is believed no more.
func TestSilenced(t *testing.T) {
	const marks, marksNone, silent, failing = "marks", "marks none", "silent", "failing"
	var does atomic.Value
	there := dnstest.Answering(t, func(_ string, q dnsmessage.Message) []byte {
		broken := q.Questions[0].Name.String() == "broken.example."
		return answerTo(q, func(m *dnsmessage.Message) {
			if m.AuthenticData = does.Load() == marks; broken || does.Load() == failing {
				m.RCode = dnsmessage.RCodeServerFailure
			}
		})
	})
	r := NewResolver(there, Probes{"signed.example.", "broken.example."})
	now := time.Unix(1e9, 0)
	for i, step := range []struct {
		does        string
		on, unknown bool
	}{
		{silent, false, true}, {failing, false, true}, {marks, true, false}, {silent, true, true}, {failing, true, true}, {marksNone, false, false},
		{failing, false, true}, {marks, true, false},
	} {
		does.Store(step.does)
		r.Client = NewClient(map[bool]string{true: "127.0.0.1:1", false: there}[step.does == silent])
		on, err := r.Validates(t.Context(), now)
		if on != step.on || (err != nil) != (step.does != marks) || Unknown(err) != step.unknown || errors.Is(err, ErrSilent) != (step.does == silent) {
			t.Errorf("%d: %v, %v", i, on, err)
		}
		if step.unknown {
			if again := r.again.Sub(now); again > checkAgain/10 {
				t.Errorf("%d: what is not known is asked again in %s", i, again)
			}
		}
		now = now.Add(checkLater)
	}
}

func TestLocal(t *testing.T) {
	for text, want := range map[string]string{
		"nameserver 127.0.0.1\n": "127.0.0.1:53", "# one\nsearch example.org\nnameserver ::1\nnameserver 192.0.2.1\n": "[::1]:53", "nameserver\t127.0.0.53 \n": "127.0.0.53:53",
		"nameserver 192.0.2.1\nnameserver 127.0.0.1\n": "", "": "", "nameserver\n": "", "nameserver local\n": "",
	} {
		path := filepath.Join(t.TempDir(), "resolv.conf")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := Local(path); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
	if got := Local(filepath.Join(t.TempDir(), "none")); got != "" {
		t.Error(got)
	}
}

func TestNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "resolv.conf")
	text := "search example.org\nnameserver 192.0.2.1\nnameserver ::1\noptions rotate\nnameserver 192.0.2.2\nnameserver 192.0.2.3\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(Named(path)); got != "[192.0.2.1:53 [::1]:53 192.0.2.2:53]" {
		t.Error(got)
	}
	if got := Named(path + "2"); got != nil {
		t.Error(got)
	}
}

// TestTexts: of TXT records the parts are one text, and of NS records there are the names.
func TestTexts(t *testing.T) {
	addr := dnstest.Answering(t, func(_ string, q dnsmessage.Message) []byte {
		if q.Questions[0].Type == dnsmessage.TypeNS {
			return answerTo(q, nil, dnsmessage.Resource{Header: header("a.example.", dnsmessage.TypeNS, 60), Body: &dnsmessage.NSResource{NS: dnsmessage.MustNewName("NS.a.example.")}})
		}
		return answerTo(q, nil, dnsmessage.Resource{Header: header("a.example.", dnsmessage.TypeTXT, 60), Body: &dnsmessage.TXTResource{TXT: []string{"one ", "two"}}})
	})
	for kind, want := range map[dnsmessage.Type]Record{dnsmessage.TypeNS: {Name: "ns.a.example"}, dnsmessage.TypeTXT: {Text: "one two"}} {
		if a, err := NewClient(addr).Ask(t.Context(), "a.example.", kind); err != nil || len(a.Records) != 1 || fmt.Sprint(a.Records[0]) != fmt.Sprint(want) {
			t.Errorf("%v: %+v, %v", kind, a, err)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	_, q, err := query(7, "a.example.", TypeTLSA)
	if err != nil {
		f.Fatal(err)
	}
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: 7}, Questions: []dnsmessage.Question{q}}
	f.Add(answerTo(m, nil, tlsa("a.example.", 3, 1, 1, 9)))
	f.Add(answerTo(m, nil, alias("a.example.", "b.example."), alias("b.example.", "a.example.")))
	f.Fuzz(func(t *testing.T, b []byte) {
		answers(b, 7, q)
		for _, kind := range []dnsmessage.Type{TypeTLSA, dnsmessage.TypeMX, dnsmessage.TypeNS, dnsmessage.TypeTXT, dnsmessage.TypeAAAA} {
			q.Type = kind
			if a, err := parse(b, q); err == nil && (len(a.Records) > maxRecords || a.TTL > maxTTL || a.TTL < 0) {
				t.Errorf("%+v", a)
			}
		}
	})
}
