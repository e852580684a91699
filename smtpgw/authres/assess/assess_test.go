package assess

import (
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cairn/mailstore/testenv"
	"cairn/smtpgw/authres/lookup/lookuptest"
	"cairn/smtpgw/screen"
)

// said joins the results of a method, with the policy of each.
func said(e screen.Evidence, method string) string {
	var all []string
	for _, r := range e {
		if r.Method == method {
			text := r.Result
			if r.Policy != "" {
				text += "(" + r.Policy + ")"
			}
			all = append(all, text)
		}
	}
	return strings.Join(all, ",")
}

func assessed(t *testing.T, z *lookuptest.Zone, m Mail, sealers ...string) screen.Evidence {
	return (&Assessor{Resolver: z, Sealers: sealers}).Assess(t.Context(), m, time.Now())
}

// generatedOtherwise are cases of which we say something else about DMARC, and why.
var generatedOtherwise = map[string]string{
	// Two From fields: whom it claims to be from cannot be told, which is no failure of a domain.
	"msg/019.eml": "permerror(quarantine)",
	"msg/020.eml": "permerror(quarantine)",
	// What is done about a failure when a trusted sealer vouches is not for DMARC to say.
	"msg/036.eml": "fail(reject)",
	"msg/037.eml": "fail(reject)",
	// Where a field was removed, its line end is left: the header ends there, and has no From.
	"msg/040.eml": "permerror(quarantine)",
}

func TestGenerated(t *testing.T) {
	texts, cases := lookuptest.Generated(t)
	for _, c := range cases {
		if other, ok := generatedOtherwise[c.File]; ok {
			c.DMARC = other
		}
		m := Mail{Client: netip.MustParseAddr(c.Client), Helo: c.Helo, From: c.From, Raw: c.Raw}
		e := assessed(t, &lookuptest.Zone{TXTs: texts}, m)
		if spf, dmarc := said(e, "spf"), said(e, "dmarc"); spf != c.SPF || dmarc != c.DMARC {
			t.Errorf("%s, %s: spf=%s dmarc=%s, want %s and %s", c.File, c.Note, spf, dmarc, c.SPF, c.DMARC)
		}
		// Nobody's seal counts until he is trusted. All that are whole say that it was from there.
		want := map[string]string{"": "none", "pass": "policy", "fail": "fail"}[c.ARC]
		if got := said(e, "arc"); got != want {
			t.Errorf("%s, %s: arc=%s, want %s", c.File, c.Note, got, want)
		}
		trusted := assessed(t, &lookuptest.Zone{TXTs: texts}, m, "beta.example")
		if c.ARC == "pass" {
			want = "pass"
		}
		if got := said(trusted, "arc"); got != want {
			t.Errorf("%s, %s: by a trusted sealer arc=%s, want %s", c.File, c.Note, got, want)
		}
	}
}

// Samples that fail by their names, with the policies that these say, set for their domains.
func TestPoliciesOfSamples(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(testenv.Folder(t, "CAIRN_TESTDATA"), "auth", "rspamd-dmarc", "*fail_*.eml"))
	if err != nil || len(files) < 6 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".eml")
		policy := strings.TrimRight(name[strings.LastIndexByte(name, '_')+1:], "1")
		if policy == "alignment" {
			policy = "reject"
		}
		m := Mail{Client: netip.MustParseAddr("192.0.2.1"), From: "x@other.example", Raw: lookuptest.Wire(t, file)}
		first := assessed(t, &lookuptest.Zone{}, m)
		at := first[slices.IndexFunc(first, func(r screen.Result) bool { return r.Method == screen.MethodDMARC })].About
		record := "v=DMARC1; p=" + policy
		if parent := strings.SplitN(at, ".", 2)[1]; strings.HasPrefix(name, "subdomain") {
			at, record = parent, "v=DMARC1; p=none; sp="+policy
		}
		z := &lookuptest.Zone{TXTs: map[string][]string{"_dmarc." + at: {record}}}
		if got := said(assessed(t, z, m), "dmarc"); got != "fail("+policy+")" {
			t.Errorf("%s, %s: %s", name, at, got)
		}
	}
}

func TestAssess(t *testing.T) {
	z := &lookuptest.Zone{
		TXTs: map[string][]string{
			"org.example": {"v=spf1 ip4:192.0.2.1 -all"}, "_dmarc.org.example": {"v=DMARC1; p=reject"},
			"mx.org.example": {"v=spf1 a -all"}, "_dmarc.trying.example": {"v=DMARC1; p=reject; t=y"},
			"_dmarc.quiet.example": {"v=DMARC1; p=reject"},
		},
		Addrs: map[string][]string{"mx.org.example": {"192.0.2.1", "2001:db8::1"}, "wrong.example": {"192.0.2.9"}},
		Names: map[string][]string{
			"192.0.2.1": {"mx.org.example"}, "192.0.2.2": {"wrong.example"}, "2001:db8::1": {"wrong.example", "mx.org.example"},
			"192.0.2.3": {"silent.example"},
		},
		Silent: map[string]bool{"silent.example": true, "192.0.2.4": true, ".silent.example": true, "quiet.example": true},
	}
	for _, c := range []struct {
		name, client, helo, from, header string
		spf, dmarc, iprev                string
	}{
		{"as it should be", "192.0.2.1", "mx.org.example", "jo@org.example", "From: jo@org.example\r\n", "pass", "pass", "pass"},
		{"mapped", "::ffff:192.0.2.1", "mx.org.example", "jo@org.example", "From: jo@org.example\r\n", "pass", "pass", "pass"},
		{"IPv6", "2001:db8::1", "mx.org.example", "", "From: jo@org.example\r\n", "pass", "pass", "pass"},
		{"a null sender", "192.0.2.1", "mx.org.example", "", "From: jo@org.example\r\n", "pass", "pass", "pass"},
		{"a null sender, by another", "192.0.2.2", "mx.org.example", "", "From: jo@org.example\r\n", "fail", "fail(reject)", "fail"},
		{"a null sender of no name", "192.0.2.2", "[192.0.2.2]", "", "From: jo@org.example\r\n", "none", "fail(reject)", "fail"},
		{"forged", "192.0.2.2", "mx.org.example", "jo@org.example", "From: jo@org.example\r\n", "fail", "fail(reject)", "fail"},
		{"a policy that is tried out", "192.0.2.2", "x", "jo@org.example", "From: jo@trying.example\r\n", "fail", "fail(none)", "fail"},
		{"two authors", "192.0.2.1", "x", "jo@org.example", "From: jo@org.example, jo@trying.example\r\n", "pass", "pass,fail(none)", "pass"},
		{"two From fields", "192.0.2.1", "x", "jo@org.example", "From: jo@org.example\r\nFrom: jo@org.example\r\n", "pass", "permerror(quarantine)", "pass"},
		{"no From field", "192.0.2.1", "x", "jo@org.example", "To: jo@org.example\r\n", "pass", "permerror(quarantine)", "pass"},
		{"too many authors", "192.0.2.1", "x", "jo@org.example", "From: a@b.example, a@c.example, a@d.example, a@e.example, a@f.example\r\n", "pass", "permerror(quarantine)", "pass"},
		{"no policy", "192.0.2.5", "x", "jo@none.example", "From: jo@none.example\r\n", "none", "none", "permerror"},
		{"the DNS is silent", "192.0.2.4", "x", "jo@silent.example", "From: jo@silent.example\r\n", "temperror", "temperror", "temperror"},
		{"the DNS is silent beside a policy", "192.0.2.3", "x", "jo@quiet.example", "From: jo@quiet.example\r\n", "temperror", "temperror(reject)", "temperror"},
		{"behind a relay", "", "x", "jo@org.example", "From: jo@org.example\r\n", "none", "none", ""},
	} {
		client, _ := netip.ParseAddr(c.client)
		e := assessed(t, z, Mail{Client: client, Helo: c.helo, From: c.from, Raw: []byte(c.header + "\r\nx\r\n")})
		if spf, dmarc, iprev := said(e, "spf"), said(e, "dmarc"), said(e, "iprev"); spf != c.spf || dmarc != c.dmarc || iprev != c.iprev || said(e, "dkim") != "none" {
			t.Errorf("%s: %+v, want spf=%s dmarc=%s iprev=%s", c.name, e, c.spf, c.dmarc, c.iprev)
		}
	}
}

// What a stranger's names cost is not taken from the time in which the policy of the domain that he
// claims to be is found.
func TestStalledNamesHideNoPolicy(t *testing.T) {
	z := &lookuptest.Zone{
		TXTs: map[string][]string{
			"_dmarc.victim.example": {"v=DMARC1; p=reject"}, "victim.example": {"v=spf1 ip4:192.0.2.1 -all"},
			"deep.victim.example": {"v=spf1 include:evil.example -all"},
		},
		Names:   map[string][]string{"192.0.2.1": {"mx.evil.example"}, "192.0.2.2": {"mx.evil.example"}},
		Stalled: map[string]bool{"evil.example": true, ".evil.example": true},
	}
	signed := "DKIM-Signature: v=1; a=rsa-sha256; d=evil.example; s=s; h=from; bh=eA==; b=eA==\r\n"
	for _, c := range []struct {
		name, client, from, header string
		spf, dkim, dmarc           string
	}{
		{"all of it", "192.0.2.2", "x@evil.example", strings.Repeat(signed, 8) + "From: boss@victim.example\r\n",
			"temperror", strings.TrimPrefix(strings.Repeat(",temperror", 8), ","), "fail(reject)"},
		{"an author before him", "192.0.2.2", "x@evil.example", "From: x@evil.example, boss@victim.example\r\n", "temperror", "none", "temperror,fail(reject)"},
		{"as many as can be", "192.0.2.2", "x@evil.example", "From: a@a.evil.example, b@b.evil.example, c@c.evil.example, boss@victim.example\r\n",
			"temperror", "none", "temperror,temperror,temperror,fail(reject)"},
		{"a part that he has", "192.0.2.2", "x@deep.victim.example", "From: boss@victim.example\r\n", "temperror", "none", "temperror(reject)"},
		{"a signature beside", "192.0.2.1", "jo@victim.example", signed + "From: jo@victim.example\r\n", "pass", "temperror", "pass"},
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			e := assessed(t, z, Mail{Client: netip.MustParseAddr(c.client), Helo: "x", From: c.from, Raw: []byte(c.header + "\r\nx\r\n")})
			if spf, dkim, dmarc := said(e, "spf"), said(e, "dkim"), said(e, "dmarc"); spf != c.spf || dkim != c.dkim || dmarc != c.dmarc {
				t.Errorf("%s: %+v, want spf=%s dkim=%s dmarc=%s", c.name, e, c.spf, c.dkim, c.dmarc)
			}
			if took := time.Since(began); took > Patience {
				t.Errorf("%s: it took %v", c.name, took)
			}
		})
	}
}

// Whatever comes, there is evidence of every method, bounded and for people to read.
func FuzzAssess(f *testing.F) {
	f.Add([]byte("From: jo@org.example\r\nDKIM-Signature: v=1; a=rsa-sha256; d=org.example; s=s; h=from; bh=eA==; b=eA==\r\n\r\nx"), "jo@org.example", "mx.org.example", "v=spf1 a mx ptr -all", "v=DMARC1; p=reject")
	f.Fuzz(func(t *testing.T, raw []byte, from, helo, spf, dmarc string) {
		z := &lookuptest.Zone{TXTs: map[string][]string{
			"org.example": {spf}, "_dmarc.org.example": {dmarc}, "_dmarc.example": {dmarc}, "s._domainkey.org.example": {spf},
		}}
		e := assessed(t, z, Mail{Client: netip.MustParseAddr("192.0.2.1"), Helo: helo, From: from, Raw: raw})
		for _, method := range []string{"spf", "dkim", "dmarc", "arc", "iprev"} {
			if said(e, method) == "" {
				t.Fatalf("nothing of %s: %+v", method, e)
			}
		}
		for _, r := range e {
			if len(r.Reason) > maxReason {
				t.Fatalf("%+v", r)
			}
		}
		if len(e) > 16 {
			t.Fatal(len(e), " results")
		}
	})
}
