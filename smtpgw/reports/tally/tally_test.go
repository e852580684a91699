package tally

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"cairn/smtpgw/dane"
	"cairn/smtpgw/reports"
)

func sts(domain string) Policy {
	return Policy{Kind: reports.PolicySTS, Domain: domain, Strings: []string{"version: STSv1", "mode: enforce"}, MX: []string{"mx." + domain}}
}

// TestReport: what was counted, here and there, is in the report, and read again.
func TestReport(t *testing.T) {
	var here, there TLS
	for range 3 {
		here.Count(Session{Policy: sts("far.example")})
	}
	here.Count(Session{Policy: sts("far.example"), Cause: Cause{Kind: Expired, Host: "mx.far.example"}})
	there.Count(Session{Policy: sts("far.example"), Cause: Cause{Kind: NotOffered, Host: "mx.far.example"}})
	there.Count(Session{Policy: sts("far.example"), Cause: Cause{Kind: NotOffered, Host: "mx.far.example"}})
	there.Count(Session{Policy: Policy{Kind: reports.NoPolicy, Domain: "far.example"}})
	here.Add(&there)
	if ok, bad := here.Sums(); ok != 4 || bad != 3 {
		t.Errorf("%d and %d", ok, bad)
	}
	day := DayOf(time.Date(2026, 11, 28, 23, 59, 59, 0, time.UTC))
	packed, err := reports.WriteTLS(here.Report(About{ID: "1", Org: "Near", Contact: "p@near.example", Day: day}))
	if err != nil {
		t.Fatal(err)
	}
	found, err := reports.Find(packed)
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	r := found[0]
	want := "[{Domain:far.example Kind:sts Succeeded:3 Failed:3 Failures:[{Kind:starttls-not-supported Host:mx.far.example Reason: Count:2 Sender: Receiver:} {Kind:certificate-expired Host:mx.far.example Reason: Count:1 Sender: Receiver:}] Strings:[] MX:[]} " +
		"{Domain:far.example Kind:no-policy-found Succeeded:1 Failed:0 Failures:[] Strings:[] MX:[]}]"
	if got := fmt.Sprintf("%+v", r.TLS.Policies); got != want {
		t.Errorf("%s", got)
	}
	if r.Begin.Format(time.RFC3339) != "2026-11-28T00:00:00Z" || r.End.Format(time.RFC3339) != "2026-11-28T23:59:59Z" || r.Org != "Near" || r.Contact != "p@near.example" {
		t.Errorf("%+v", r)
	}
}

// TestBounds: whatever comes, what is kept stays small, and failures stay in the sums.
func TestBounds(t *testing.T) {
	var all TLS
	for i := range 3 * maxPolicies {
		p := sts(fmt.Sprintf("d%d.example", i))
		for range maxStrings + 3 {
			p.Strings = append(p.Strings, strings.Repeat("é", 400))
		}
		for j := range maxFailures {
			all.Count(Session{Policy: p, Cause: Cause{Kind: General, Host: fmt.Sprintf("mx%d", j), Reason: strings.Repeat("x\n", 400)}})
		}
	}
	text, err := json.Marshal(all)
	if err != nil || len(text) > maxPolicies*maxStrings*(maxText+8)+maxFailures*(2*maxText) {
		t.Errorf("%d octets, %v", len(text), err)
	}
	_, failed := all.Sums()
	if len(all.Policies) != maxPolicies || all.rows() != maxFailures || failed != maxPolicies*maxFailures {
		t.Errorf("%d policies, %d rows, %d failures", len(all.Policies), all.rows(), failed)
	}
	for range 3 {
		other := all
		all.Add(&other)
	}
	if all.rows() != maxFailures {
		t.Errorf("%d rows", all.rows())
	}
}

func TestCauseOf(t *testing.T) {
	inTLS := func(err error) error { return fmt.Errorf("TLS: %w", &tls.CertificateVerificationError{Err: err}) }
	for _, tt := range []struct {
		err  error
		want string
	}{
		{inTLS(x509.CertificateInvalidError{Reason: x509.Expired}), Expired},
		{inTLS(x509.CertificateInvalidError{Reason: x509.NotAuthorizedToSign}), NotTrusted},
		{inTLS(x509.HostnameError{Certificate: new(x509.Certificate), Host: "mx"}), HostMismatch},
		{inTLS(x509.UnknownAuthorityError{}), NotTrusted},
		{inTLS(errors.New("something")), NotTrusted},
		{fmt.Errorf("x: %w", dane.ErrNoMatch), NotTrusted},
		{fmt.Errorf("%w: %w", dane.ErrChain, x509.CertificateInvalidError{Reason: x509.Expired}), Expired},
		{dane.ErrName, HostMismatch},
		{errors.New("remote error: tls: handshake failure"), General},
	} {
		if kind, reason := CauseOf(tt.err, "handshake failure"); kind != tt.want || kind == General && reason != "handshake failure" {
			t.Errorf("%v: %s, %q", tt.err, kind, reason)
		}
	}
}

// TestMailReport: what came in a domain's name is in the report, and read again; alike is one row.
func TestMailReport(t *testing.T) {
	row := func(source, dkim string) MailRow {
		r := MailRow{Row: reports.Row{
			Source: source, Count: 1, Disposition: "none", DKIM: dkim, SPF: "fail", HeaderFrom: "far.example", Envelope: "far.example",
			Sender: reports.Authenticated{Domain: "far.example", Result: "softfail"},
		}, Signatures: []reports.Authenticated{{Domain: "far.example", Selector: "s <&", Result: dkim}}}
		if dkim == "fail" {
			r.Disposition, r.Override = "quarantine", reports.OverrideLocal
		}
		return r
	}
	var here, there Mail
	here.Count(row("192.0.2.1", "pass"), false)
	there.Count(row("192.0.2.1", "pass"), true)
	there.Count(row("192.0.2.1", "pass"), false)
	there.Count(row("2001:db8::1", "fail"), false)
	here.Add(&there)
	if passed, failed := here.Sums(); passed != 3 || failed != 1 || len(here.Rows) != 2 || !here.Good {
		t.Errorf("%d and %d in %d rows, good %v", passed, failed, len(here.Rows), here.Good)
	}
	r := here.Report(About{ID: "1", Org: "Near", Contact: "p@near.example", Day: 20000}, reports.DMARC{Domain: "far.example", Policy: "reject", Below: "none", Testing: true, StrictSPF: true})
	packed, err := reports.WriteDMARC(r)
	if err != nil {
		t.Fatal(err)
	}
	found, err := reports.Find(packed)
	if err != nil || len(found) != 1 || found[0].DMARC == nil {
		t.Fatal(found, err)
	}
	got := found[0]
	if got.Org != "Near" || got.Contact != "p@near.example" || got.ID != "1" || !got.Begin.Equal(r.Begin) || !got.End.Equal(r.End) {
		t.Errorf("%+v", got)
	}
	d := got.DMARC
	if d.Domain != "far.example" || d.Policy != "reject" || !d.Testing || len(d.Rows) != 2 {
		t.Fatalf("%+v", d)
	}
	for i, want := range []reports.Row{
		{Source: "192.0.2.1", Count: 3, Disposition: "none", DKIM: "pass", SPF: "fail", HeaderFrom: "far.example"},
		{Source: "2001:db8::1", Count: 1, Disposition: "quarantine", DKIM: "fail", SPF: "fail", HeaderFrom: "far.example"},
	} {
		if d.Rows[i] != want {
			t.Errorf("%+v, want %+v", d.Rows[i], want)
		}
	}
	text := unpacked(t, packed)
	for _, want := range []string{
		`<feedback xmlns="urn:ietf:params:xml:ns:dmarc-2.0">`, "<discovery_method>treewalk</discovery_method>", "<adkim>r</adkim>", "<aspf>s</aspf>", "<sp>none</sp>", "<testing>y</testing>",
		"<type>local_policy</type>", "<selector>s &lt;&amp;</selector>", "<result>softfail</result>", "<scope>mfrom</scope>", "<envelope_from>far.example</envelope_from>",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if _, err := reports.WriteDMARC(new(Mail).Report(About{}, reports.DMARC{Domain: "far.example"})); err == nil {
		t.Error("a report on nothing")
	}
}

func unpacked(t *testing.T, packed []byte) string {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestMailIsBounded: whatever comes, rows are so many and so long.
func TestMailIsBounded(t *testing.T) {
	var m Mail
	long := strings.Repeat("x\n", 4000)
	for i := range 2 * maxRows {
		r := MailRow{Row: reports.Row{Source: fmt.Sprintf("10.0.%d.%d", i/256, i%256), Count: 1, HeaderFrom: "far.example", Envelope: long, Sender: reports.Authenticated{Domain: long}}}
		for range 20 {
			r.Signatures = append(r.Signatures, reports.Authenticated{Domain: long, Selector: long})
		}
		m.Count(r, false)
		m.Count(r, false)
	}
	text, err := json.Marshal(m)
	if err != nil || len(m.Rows) != maxRows || m.Rows[0].Count != 2 || len(text) > maxRows*(2*maxSignatures+4)*(maxText+60) {
		t.Errorf("%d rows, %d octets, %v", len(m.Rows), len(text), err)
	}
}

// TestForgedMailCrowdsNothingOut: however many kinds of mail are forged in a domain's name, its own
// is in the report.
func TestForgedMailCrowdsNothingOut(t *testing.T) {
	var m Mail
	for i := range 3 * maxRows {
		m.Count(MailRow{Row: reports.Row{Source: fmt.Sprintf("10.0.%d.%d", i/256, i%256), Count: 1, DKIM: "fail", SPF: "fail", HeaderFrom: "far.example"}}, false)
	}
	for range 2 {
		m.Count(MailRow{Row: reports.Row{Source: "192.0.2.1", Count: 1, DKIM: "pass", SPF: "fail", HeaderFrom: "far.example"}}, true)
	}
	if passed, failed := m.Sums(); passed != 2 || failed != maxRows || len(m.Rows) != maxRows+1 {
		t.Errorf("%d passed, %d failed, %d rows", passed, failed, len(m.Rows))
	}
}
