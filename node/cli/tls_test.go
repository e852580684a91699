package cli

import (
	"bytes"
	"testing"
	"time"

	"cairn/node/api"
)

// TestShowTLS: keys as people see them, with what is to be done about their records.
func TestShowTLS(t *testing.T) {
	day := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	next := func(name, state string, using bool) api.TLSKey {
		return api.TLSKey{Name: name, Source: "acme", Until: day, Owner: "_25._tcp." + name, Record: "3 1 1 aa",
			Next: &api.TLSNext{Record: "3 1 1 bb", Made: day, State: state, Since: day, Ready: day.Add(time.Hour), Using: using, Why: "the DNS says so"}}
	}
	failing := next("e.example", "seen", true)
	failing.Fault = "no"
	former := api.TLSKey{Name: "f.example", Source: "own", Until: day, Owner: "_25._tcp.f.example", Record: "3 1 1 bb", Former: &api.TLSFormer{Record: "3 1 1 aa", Until: day}}
	file := api.TLSKey{Name: "g.example", Source: "file", Until: day, Record: "3 1 1 cc"}
	var b bytes.Buffer
	showTLS(&b, &api.TLSKeys{Keys: []api.TLSKey{
		next("a.example", "unknown", false), next("b.example", "missing", false), next("c.example", "seen", false), next("d.example", "unpublished", false), failing, former, file,
	}})
	at, ready := clock(day), clock(day.Add(time.Hour))
	want := `NAME CERTIFICATE UNTIL TLSA RECORD OF ITS KEY
a.example authority 2026-01-02 3 1 1 aa
b.example authority 2026-01-02 3 1 1 aa
c.example authority 2026-01-02 3 1 1 aa
d.example authority 2026-01-02 3 1 1 aa
e.example authority 2026-01-02 3 1 1 aa
f.example own 2026-01-02 3 1 1 bb
g.example file 2026-01-02 3 1 1 cc
`
	for _, l := range [][2]string{
		{"a", "whether its record is there is not known: the DNS says so"}, {"b", "it waits for its record: the DNS says so"},
		{"c", "both records are seen since " + at + "; it may be used at " + ready}, {"d", "no record counts: the DNS says so; it may be used at " + ready},
		{"e", "it is being certified, and used once it is"},
	} {
		want += "next key of " + l[0] + ".example, made " + at + ": " + l[1] + "\n"
		want += "keep: _25._tcp." + l[0] + ".example. IN TLSA 3 1 1 aa\nadd: _25._tcp." + l[0] + ".example. IN TLSA 3 1 1 bb\n"
	}
	want += "no certificate yet: no\nthe key of f.example before was used until " + at + ", and its record may go:\nremove: _25._tcp.f.example. IN TLSA 3 1 1 aa\n"
	if got := squeezed(b.String()); got != squeezed(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
