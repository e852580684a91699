package smtpgw

import (
	"fmt"
	"net/netip"
	"testing"

	"cairn/consensus/record"
	"cairn/smtpgw/arrival"
	"cairn/smtpgw/authres/lookup/lookuptest"
	"cairn/smtpgw/deliverytest"
	"cairn/smtpgw/screen"
	"cairn/smtpgw/trace"
)

// TestJudged: what is stored is told with what was found of each domain in From, and that of which
// not all is known is not.
func TestJudged(t *testing.T) {
	dns := &lookuptest.Zone{
		TXTs: map[string][]string{
			"org.example": {"v=spf1 ip4:127.0.0.0/8 -all"}, "_dmarc.org.example": {"v=DMARC1; p=reject"}, "_dmarc.trying.example": {"v=DMARC1; p=reject; t=y"},
			"_dmarc.silent.example": {"v=DMARC1; p=reject"}, "other.example": {"v=spf1 -all"},
		},
		Silent: map[string]bool{"silent.example": true},
	}
	for _, tt := range []struct {
		name, from, author string
		verdict            record.Verdict
		want               string
	}{
		{"from itself", "jo@org.example", "jo@org.example", record.Unrecorded, "[org.example of org.example spf=true dkim=false wants= sender org.example pass inbox=true aside=false]"},
		{"from below, of the null sender", "", "jo@mail.org.example", record.Unrecorded, "[mail.org.example of org.example spf=false dkim=false wants=reject sender peer none inbox=false aside=true]"},
		{"forged", "jo@other.example", "jo@org.example", record.Unrecorded, "[org.example of org.example spf=false dkim=false wants=reject sender other.example fail inbox=false aside=true]"},
		{"forged, and recorded", "jo@other.example", "jo@org.example", record.Verified, "[org.example of org.example spf=false dkim=false wants=reject sender other.example fail inbox=true aside=false]"},
		{"tried out", "jo@other.example", "jo@trying.example", record.Unrecorded, "[trying.example of trying.example spf=false dkim=false wants=none sender other.example fail inbox=true aside=false]"},
		{"no policy", "jo@other.example", "jo@other.example", record.Unrecorded, "[]"},
		{"not known", "jo@silent.example", "jo@silent.example", record.Verified, "[]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var told []string
			cfg := testConfig
			cfg.Judged = func(j Judged) {
				told = append(told, fmt.Sprintf("%s of %s spf=%v dkim=%v wants=%s sender %s %s inbox=%v aside=%v", j.Author, j.Domain, j.Alignment.SPF, j.Alignment.DKIM, j.Policy, j.Judged.SPF.Domain, j.Judged.SPF.Result, j.Inbox, j.Aside))
				if !j.Source.IsLoopback() || j.Helo != (tt.from == "") || j.Testing != (tt.name == "tried out") {
					t.Errorf("%+v", j)
				}
			}
			st := localStore(t)
			source := NewAuthentication(cfg, dns, func(netip.Addr) bool { return true }, nil)
			found := screen.Finding{Verdict: tt.verdict, From: tt.author}
			d := NewDelivery(cfg, st, &deliverytest.Verifier{Found: found}, NewFiling(screen.Policy{}), arrival.Sources{Arrival: []arrival.Source{source}})
			err := d.Deliver(t.Context(), &arrival.Arrival{
				Raw: []byte("From: <" + tt.author + ">\r\nTo: <user@local.example>\r\nSubject: hello\r\n\r\nHello.\r\n"), From: tt.from, Recipients: []string{"user@local.example"},
				Peer: trace.Peer{Addr: "127.0.0.1:4000", Helo: "peer", Protocol: "ESMTP"},
			}, "ref")
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(told); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}
