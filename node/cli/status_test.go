package cli

import (
	"strings"
	"testing"
	"time"

	"cairn/node/api"
)

// TestCertificateNotes: status tells whose certificate is shown, and what to do where an authority
// has issued none; of a policy it shows the records as a zone file has them.
func TestCertificateNotes(t *testing.T) {
	until := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		c    api.Certificate
		want []string
	}{
		{api.Certificate{Name: "mail.example.org", Source: "acme", Until: until}, []string{"mail.example.org, of an authority, until 2026-03-01"}},
		{api.Certificate{Name: "mail.example.org", Source: "own", Until: until, Fault: "no way", Again: until, Next: "open port 80"},
			[]string{"of the node's own making", "none was issued: no way, tried again 2026-03-01", "next: open port 80"}},
		{api.Certificate{Name: "mail.example.org", Source: "acme", Until: until, Fault: "no room"}, []string{"of an authority", "not renewed, or not on the disk: no room"}},
	} {
		got := certificateNote(&tt.c)
		for _, want := range tt.want {
			if !strings.Contains(got, want) {
				t.Errorf("%q has no %q", got, want)
			}
		}
	}
	if rows := policyRows(nil); len(rows) != 0 {
		t.Errorf("no policy: %q", rows)
	}
	rows := policyRows(&api.OwnPolicy{Mode: "testing", MX: []string{"mail.example.org"}, Records: []api.ZoneRecord{
		{Name: "mta-sts.example.org.", Type: "CNAME", Value: "mail.example.org."}, {Name: "_mta-sts.example.org.", Type: "TXT", Value: "v=STSv1; id=1"},
	}})
	if len(rows) != 3 || rows[1][1] != "mta-sts.example.org. IN CNAME mail.example.org." || rows[2][1] != `_mta-sts.example.org. IN TXT "v=STSv1; id=1"` {
		t.Errorf("%q", rows)
	}
}
