package dmarc

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cairn/mailstore/message/maildomain"
	"cairn/mailstore/testenv"
	"cairn/smtpgw/authres/lookup"
	"cairn/smtpgw/authres/lookup/lookuptest"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		txt    string
		record bool
		want   Record
		ok     bool
	}{
		{"v=DMARC1; p=reject", true, Record{Policy: Reject, Subdomains: Reject, NonExistent: Reject, Suffix: "u"}, true},
		{"v = DMARC1 ;P=Quarantine; sp=none; np=reject; psd=y; t=y; adkim=s; aspf=S; rua=mailto:d@org.example;", true,
			Record{Policy: Quarantine, Subdomains: PolicyNone, NonExistent: Reject, Suffix: "y", Testing: true, StrictDKIM: true, StrictSPF: true}, true},
		{"v=DMARC1; p=none; sp=reject; x=y; nonsense; psd=z; pct=5", true, Record{Policy: PolicyNone, Subdomains: Reject, NonExistent: Reject, Suffix: "u"}, true},
		{"v=DMARC1; p=reject; p=none", true, Record{Policy: Reject, Subdomains: Reject, NonExistent: Reject, Suffix: "u"}, true},
		{"v=DMARC1; p=reject; sp=x; rua=http://a, mailto:d@org.example", true, Record{Policy: PolicyNone, Subdomains: PolicyNone, NonExistent: PolicyNone, Suffix: "u"}, true},
		{"v=DMARC1; rua=mailto:d@org.example", true, Record{Policy: PolicyNone, Subdomains: PolicyNone, NonExistent: PolicyNone, Suffix: "u"}, true},
		{"v=DMARC1", true, Record{Policy: PolicyNone, Subdomains: PolicyNone, NonExistent: PolicyNone, Suffix: "u"}, false},
		{"v=DMARC1; psd=n; rua=mailto:", true, Record{Policy: PolicyNone, Subdomains: PolicyNone, NonExistent: PolicyNone, Suffix: "n"}, false},
		{"v=dmarc1; p=reject", false, Record{}, false},
		{"p=reject; v=DMARC1", false, Record{}, false},
		{"v=DMARC12; p=reject", false, Record{}, false},
	} {
		r, ok := Parse(c.txt)
		if is := isRecord(c.txt); is != c.record || ok != c.ok || r != c.want {
			t.Errorf("%q: %+v, %v, %v", c.txt, r, is, ok)
		}
	}
}

func TestTargets(t *testing.T) {
	if got := targets("a.b.c.d.e.f.g.h.i.j.mail.example.com"); len(got) != maxQueries || got[1] != "g.h.i.j.mail.example.com" || got[7] != "com" {
		t.Error(got)
	}
	if got := targets("a.mail.example.com"); !slices.Equal(got, []string{"a.mail.example.com", "mail.example.com", "example.com", "com"}) {
		t.Error(got)
	}
	for _, d := range []string{"a.b.c.d.example.com", "a.b.c.d.e.f.example.com", "a.b.c.d.e.f.g.h.example.com"} {
		if got := targets(d); len(got) > maxQueries || got[0] != d || got[len(got)-1] != "com" {
			t.Error(got)
		}
	}
}

func TestCheck(t *testing.T) {
	z := &lookuptest.Zone{
		TXTs: map[string][]string{
			"_dmarc.org.example":          {"a note", "v=DMARC1; p=reject; sp=quarantine; np=none"},
			"_dmarc.own.org.example":      {"v=DMARC1; p=none"},
			"_dmarc.apart.org.example":    {"v=DMARC1; p=quarantine; psd=n"},
			"_dmarc.strict.example":       {"v=DMARC1; p=reject; adkim=s; aspf=s; t=y"},
			"_dmarc.twice.example":        {"v=DMARC1; p=reject", "v=DMARC1; p=none"},
			"_dmarc.empty.example":        {"v=DMARC1"},
			"_dmarc.bank.example":         {"v=DMARC1; p=none; np=reject; psd=y"},
			"_dmarc.member.bank.example":  {"v=DMARC1; p=quarantine"},
			"_dmarc.co.uk":                {"v=DMARC1; p=reject"},
			"_dmarc.shop.co.uk":           {"v=DMARC1; p=quarantine"},
			"_dmarc.x.bank.example":       {"v=DMARC1; psd=u"},
			"_dmarc.deep.silent.example":  {"v=DMARC1; p=reject"},
			"_dmarc.near.halfway.example": {"v=DMARC1; p=reject"},
		},
		Addrs:  map[string][]string{"there.org.example": {"192.0.2.1"}},
		Silent: map[string]bool{"_dmarc.silent.example": true, "_dmarc.sub.near.halfway.example": true},
	}
	dkim := func(d string) Identifier { return Identifier{Method: DKIM, Domain: d} }
	spf := func(d string) Identifier { return Identifier{Method: SPF, Domain: d} }
	maybe := func(id Identifier) Identifier { id.Unknown = true; return id }
	for _, c := range []struct {
		name, author string
		ids          []Identifier
		result       Result
		policy       Policy
	}{
		{"signed by itself", "org.example", []Identifier{dkim("org.example")}, Pass, Reject},
		{"sent by itself", "org.example", []Identifier{spf("org.example")}, Pass, Reject},
		{"signed from below", "org.example", []Identifier{dkim("mail.org.example")}, Pass, Reject},
		{"signed from above", "there.org.example", []Identifier{dkim("org.example")}, Pass, Reject},
		{"signed from beside", "there.org.example", []Identifier{spf("other.example"), dkim("mail.org.example")}, Pass, Reject},
		{"by nobody", "org.example", nil, Fail, Reject},
		{"by another", "org.example", []Identifier{dkim("xorg.example"), spf("example")}, Fail, Reject},
		{"below, by another", "there.org.example", []Identifier{dkim("other.example")}, Fail, Quarantine},
		{"below what is not there", "gone.org.example", nil, Fail, PolicyNone},
		{"with a policy of its own", "own.org.example", nil, Fail, PolicyNone},
		{"by an organisation apart", "org.example", []Identifier{dkim("apart.org.example")}, Fail, Reject},
		{"of an organisation apart", "apart.org.example", []Identifier{dkim("org.example")}, Fail, Quarantine},
		{"within an organisation apart", "apart.org.example", []Identifier{dkim("x.apart.org.example")}, Pass, Quarantine},
		{"strict, from below", "strict.example", []Identifier{dkim("mail.strict.example"), spf("mail.strict.example")}, Fail, Reject},
		{"strict, itself", "strict.example", []Identifier{spf("strict.example")}, Pass, Reject},
		{"strict, of a name below", "mail.strict.example", []Identifier{dkim("strict.example")}, Fail, Reject},
		{"two policies", "twice.example", nil, None, ""},
		{"no policy", "nobody.example", []Identifier{dkim("nobody.example")}, None, ""},
		{"a policy without words", "empty.example", nil, None, ""},
		{"of a suffix, which is not there", "new.bank.example", nil, Fail, Reject},
		{"of a suffix, by a neighbour", "member.bank.example", []Identifier{dkim("other.bank.example")}, Fail, Quarantine},
		{"of a suffix, by itself", "member.bank.example", []Identifier{dkim("mail.member.bank.example")}, Pass, Quarantine},
		{"a registry that says nothing, by a neighbour", "shop.co.uk", []Identifier{dkim("evil.co.uk")}, Fail, Quarantine},
		{"a registry's policy is for itself", "new.co.uk", []Identifier{dkim("evil.co.uk")}, None, ""},
		{"the DNS is silent", "silent.example", nil, TempError, ""},
		{"the DNS is silent above", "deep.silent.example", []Identifier{dkim("deep.silent.example")}, TempError, ""},
		{"the DNS is silent about a key", "org.example", []Identifier{maybe(dkim("org.example"))}, TempError, Reject},
		{"the DNS is silent about another's key", "org.example", []Identifier{maybe(dkim("other.example"))}, Fail, Reject},
		{"the DNS is silent about one of two", "org.example", []Identifier{maybe(dkim("org.example")), spf("org.example")}, Pass, Reject},
		{"the DNS is silent about who signs", "near.halfway.example", []Identifier{dkim("sub.near.halfway.example")}, TempError, Reject},
	} {
		dns := lookup.New(z)
		got := Find(t.Context(), dns, c.author).Check(t.Context(), dns, c.ids)
		if got.Result != c.result || got.Policy != c.policy || (got.Result == Pass) != (got.By.Domain != "") {
			t.Errorf("%s: %+v, want %s, %s", c.name, got, c.result, c.policy)
		}
		if got.Testing != (strings.HasSuffix(c.author, "strict.example")) {
			t.Errorf("%s: testing %v", c.name, got.Testing)
		}
	}
}

// The list of public suffixes says what its own tests say.
func TestMayAlign(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"example.org", "example.org", true},
		{"lists.example.org", "example.org", true},
		{"a.b.lists.example.org", "news.example.org", true},
		{"example.org", "example.net", false},
		{"badexample.org", "example.org", false},
		{"a.co.uk", "b.co.uk", false},
		{"x.a.co.uk", "y.a.co.uk", true},
		{"a.github.io", "b.github.io", true}, // no registry's: github.io may have a record of its own
		{"far.example", "local.example", false},
		{"localhost", "localhost", true},
		{"a.localhost", "localhost", true},
		{"a.localhost", "b.localhost", false},
	} {
		if MayAlign(tt.a, tt.b) != tt.want || MayAlign(tt.b, tt.a) != tt.want {
			t.Errorf("%s and %s: %v", tt.a, tt.b, !tt.want)
		}
	}
}

func TestSuffixes(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(testenv.Folder(t, "CAIRN_TESTDATA"), "auth", "psl", "tests", "tests.txt"))
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for line := range strings.Lines(string(text)) {
		domain, want, ok := strings.Cut(strings.TrimSpace(line), " ")
		if domain, want = maildomain.Canonical(domain), maildomain.Canonical(want); !ok || strings.HasPrefix(line, "//") || !maildomain.Valid(domain) || domain == "null" {
			continue
		}
		ran++
		got := Registered(domain)
		if got == domain && want == "null" {
			got = "null" // a suffix
		}
		if got != want {
			t.Errorf("%s: %s, want %s", domain, got, want)
		}
	}
	if ran < 60 {
		t.Errorf("%d ran", ran)
	}
}

// A record is read in one way only, and the domain that a walk picks is the author's or above it.
func FuzzParse(f *testing.F) {
	f.Add("v=DMARC1; p=reject; sp=none; np=quarantine; psd=n; t=y; adkim=s", "a.b.org.example")
	f.Add("v=DMARC1;rua=mailto:x@y,;p", "x.co.uk")
	f.Fuzz(func(t *testing.T, txt, domain string) {
		if !maildomain.Valid(domain) || !strings.Contains(domain, ".") {
			return
		}
		r, ok := Parse(txt)
		for _, p := range []Policy{r.Policy, r.Subdomains, r.NonExistent} {
			if ok && p != PolicyNone && p != Quarantine && p != Reject {
				t.Fatalf("%+v", r)
			}
		}
		z := &lookuptest.Zone{TXTs: map[string][]string{}}
		for _, name := range targets(domain) {
			z.TXTs["_dmarc."+name] = []string{txt}
		}
		records, err := walk(t.Context(), lookup.New(z), domain)
		if org := organisational(domain, records); err != nil || domain != org && !strings.HasSuffix(domain, "."+org) {
			t.Fatalf("%s of %s, %v", org, domain, err)
		}
	})
}

// TestAlign: of all that passed it is told which of it is of the author, or nothing while some of
// it is not known.
func TestAlign(t *testing.T) {
	z := &lookuptest.Zone{
		TXTs:   map[string][]string{"_dmarc.org.example": {"v=DMARC1; p=reject; aspf=s"}},
		Silent: map[string]bool{"_dmarc.silent.org.example": true},
	}
	for _, tt := range []struct {
		name, author string
		ids          []Identifier
		want         Alignment
		ok           bool
	}{
		{"both", "org.example", []Identifier{{SPF, "org.example", false}, {DKIM, "mail.org.example", false}}, Alignment{"org.example", true, true}, true},
		{"strict, and of another", "org.example", []Identifier{{SPF, "mail.org.example", false}, {DKIM, "other.example", false}}, Alignment{"org.example", false, false}, true},
		{"below", "sub.org.example", []Identifier{{DKIM, "org.example", false}}, Alignment{"org.example", false, true}, true},
		{"not known", "org.example", []Identifier{{DKIM, "org.example", true}}, Alignment{}, false},
		{"the DNS is silent", "org.example", []Identifier{{DKIM, "silent.org.example", false}}, Alignment{}, false},
		{"no policy", "other.example", []Identifier{{DKIM, "other.example", false}}, Alignment{}, false},
	} {
		dns := lookup.New(z)
		got, ok := Find(t.Context(), dns, tt.author).Align(t.Context(), dns, tt.ids)
		if got != tt.want || ok != tt.ok {
			t.Errorf("%s: %+v, %v", tt.name, got, ok)
		}
	}
}

func TestPublished(t *testing.T) {
	for _, tt := range []struct {
		texts []string
		rua   string
		ok    bool
	}{
		{[]string{"a note", "v=DMARC1; p=reject; rua=mailto:d@org.example"}, "mailto:d@org.example", true},
		{[]string{"v=DMARC1; p=reject; rua=mailto:d@org.example", "v=DMARC1; p=none"}, "", false},
		{[]string{"v=DMARC1"}, "", false},
		{nil, "", false},
	} {
		if _, rua, ok := Published(tt.texts); ok != tt.ok || ok && rua != tt.rua {
			t.Errorf("%q: %q, %v", tt.texts, rua, ok)
		}
	}
	if rua, ok := Accepts([]string{"x", "v=DMARC1; rua=mailto:x@org.example"}); !ok || rua != "mailto:x@org.example" {
		t.Errorf("%q, %v", rua, ok)
	}
	if _, ok := Accepts([]string{"v=spf1 -all"}); ok {
		t.Error("any record will do")
	}
}
