package tally

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
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
		if kind, reason := CauseOf(tt.err); kind != tt.want || kind == General && reason == "" {
			t.Errorf("%v: %s, %q", tt.err, kind, reason)
		}
	}
}
