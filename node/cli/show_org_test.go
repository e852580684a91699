package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"cairn/node/api"
)

func TestShowClaims(t *testing.T) {
	when := time.Date(2026, 11, 26, 1, 2, 3, 0, time.UTC)
	claim := func(dns string, pinned, trusted bool) api.Claim {
		return api.Claim{Name: "Beta\n  trusted", Key: "k", Fingerprint: "w", Height: 7, Since: when, Records: "all", DNS: dns, Pinned: pinned, Trusted: trusted}
	}
	pin := &api.Pin{Domain: "beta.example", Key: "other", Fingerprint: "o", Source: "invite", Since: when}
	for _, tt := range []struct {
		name string
		l    api.Claims
		want []string
	}{
		{"none", api.Claims{}, []string{"no member of the network claims beta.example"}},
		{"no answer", api.Claims{Claims: []api.Claim{claim("no-answer", false, false)}}, []string{
			"\"Beta trusted\"\n  key       k\n  words     w\n  since     block 7 of 2026-11-26 01:02:03\n  records   all of its mail\n",
			"dns       does not answer", "trusted   no", "claimed by 1 member of the network; a claim proves nothing", "then: cairn org trust beta.example KEY --dir n\n",
		}},
		{"by DNS", api.Claims{Claims: []api.Claim{claim("names", false, true)}}, []string{"dns       names this key", "trusted   by the DNS"}},
		{"pinned", api.Claims{Claims: []api.Claim{claim("names-not", true, true)}, Pin: pin}, []string{
			"dns       names nobody, or another key", "trusted   pinned since 2026-11-26 (invite)",
		}},
		{"another is pinned", api.Claims{Claims: []api.Claim{claim("names", false, false)}, Pin: pin}, []string{
			"trusted   no", "it is pinned to another key:\nbeta.example\n  pinned    to a key that no member of the network has yet, since 2026-11-26 (invite)\n  key       other\n  words     o\n",
		}},
	} {
		var b bytes.Buffer
		tt.l.Domain = "beta.example"
		(&app{dir: "n"}).showClaims(&b, &tt.l)
		for _, want := range tt.want {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s: no %q in\n%s", tt.name, want, b.String())
			}
		}
		if tt.l.Pin != nil && strings.Contains(b.String(), "compare the words") {
			t.Errorf("%s: it is decided, and asked for all the same:\n%s", tt.name, b.String())
		}
	}
}

func TestShowUntrusted(t *testing.T) {
	pin := api.Pin{Domain: "beta.example", Org: "Beta", Key: "k", Fingerprint: "w"}
	for mail, want := range map[string]string{
		api.MailMember:   "its DNS names \"Gamma\", which is trusted now\n  key       g\n  words     v\n",
		api.MailReturned: "nobody is trusted for it now: mail for it comes back",
		api.MailOutside:  "nobody is trusted for it now: mail for it leaves the network by ordinary SMTP",
		api.MailWaits:    "its DNS does not answer whom it names",
	} {
		u := &api.Untrusted{Pin: pin, Mail: mail}
		if mail == api.MailMember {
			u.Trusted = &api.Claim{Name: "Gamma", Key: "g", Fingerprint: "v"}
		}
		var b bytes.Buffer
		showUntrusted(&b, u)
		if !strings.HasPrefix(b.String(), "beta.example is no longer pinned to \"Beta\"\n  key       k\n  words     w\n") || !strings.Contains(b.String(), want) {
			t.Errorf("%s:\n%s", mail, b.String())
		}
	}
}

// What an organisation is to us is never said by its name.
func TestNamesSayNothingOfUs(t *testing.T) {
	const name, own = "Alpha (our own)", "here      our own organisation"
	a := &app{dir: "n"}
	for what, show := range map[string]func(b *bytes.Buffer, own bool){
		"org show":  func(b *bytes.Buffer, own bool) { a.showOrg(b, &api.Org{Name: name, Own: own}) },
		"org trust": func(b *bytes.Buffer, own bool) { showClaim(b, &api.Claim{Name: name, Own: own}, nil) },
	} {
		var theirs, ours bytes.Buffer
		show(&theirs, false)
		show(&ours, true)
		if strings.Contains(theirs.String(), own) || !strings.Contains(ours.String(), "\n  "+own+"\n") || !strings.HasPrefix(theirs.String(), `"Alpha (our own)"`+"\n") {
			t.Errorf("%s: theirs\n%s\nours\n%s", what, theirs.String(), ours.String())
		}
	}
	var b bytes.Buffer
	showApplication(&b, &api.Application{Attested: []string{"Beta (we too)"}, Needed: 2})
	if strings.Count(b.String(), "we") != 1 || !strings.Contains(b.String(), `: "Beta (we too)"`+"\n") {
		t.Errorf("attested:\n%s", b.String())
	}
	if got := peersNote([]api.OrgPeers{{Org: "not enrolled 2, Alpha", ID: "i", Nodes: 2, Ended: 1}, {Nodes: 3}}); got != `"not enrolled 2, Alpha" 2 (1 ended), not enrolled 3` {
		t.Errorf("peers: %s", got)
	}
}

// What was brought to the network says when it counts, and of a key that takes the place of an
// announced one no time that it has not.
func TestShowProposedSaysWhenItCounts(t *testing.T) {
	for _, tt := range []struct {
		e    api.OrgEvent
		want string
	}{
		{api.OrgEvent{}, ""},
		{api.OrgEvent{Counts: 90, Counting: "about a day after its block"}, "  counts    from block 90 on, about a day after its block\n"},
		{api.OrgEvent{Counting: "from its block on"}, "  counts    from its block on\n"},
		{api.OrgEvent{Counts: 90, Counting: "about a day after its block", Replaces: "k"}, "  counts    from block 90 on, about a day after its block\n" +
			"  replaces  the key announced before, k: that one does not come, and the time begins anew\n"},
		{api.OrgEvent{Counting: "from its block on", Replaces: "k"}, "  counts    from its block on\n  replaces  the key announced before, k: that one does not come\n"},
	} {
		var b bytes.Buffer
		showProposed(&b, "done", &tt.e)
		if _, got, _ := strings.Cut(b.String(), "waits for \n"); got != tt.want {
			t.Errorf("%+v: %q", tt.e, got)
		}
	}
}
