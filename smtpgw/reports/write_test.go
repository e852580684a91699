package reports

import (
	"bytes"
	"mime"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-message/mail"
)

var yesterday = time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)

func writtenReport() *Report {
	return &Report{
		ID: "2026-11-28.abc@mx.near.example", Org: "Near", Contact: "postmaster@near.example", Begin: yesterday, End: yesterday.Add(24*time.Hour - time.Second),
		TLS: &TLS{Policies: []TLSPolicy{
			{Domain: "far.example", Kind: PolicySTS, Succeeded: 7, Failed: 3, Strings: []string{"version: STSv1", "mode: testing"}, MX: []string{"*.far.example"}, Failures: []Failure{
				{Kind: "certificate-expired", Host: "mx1.far.example", Count: 2, Sender: "192.0.2.1", Receiver: "198.51.100.7"},
				{Kind: "validation-failure", Host: "mx2.far.example", Count: 1, Reason: "a \"reason\""},
			}},
			{Domain: "mx3.far.example", Kind: PolicyTLSA, Succeeded: 1},
		}},
	}
}

// TestTLSRoundTrip: our own reader reads what we write, as it is and in the mail that brings it.
func TestTLSRoundTrip(t *testing.T) {
	r := writtenReport()
	packed, err := WriteTLS(r)
	if err != nil {
		t.Fatal(err)
	}
	letter := (&Letter{Kind: KindTLS, Report: r, Domain: "far.example", Submitter: "mx.near.example", From: r.Contact, To: "tls@far.example", Date: yesterday.Add(26 * time.Hour), Packed: packed}).Raw()
	for name, raw := range map[string][]byte{"packed": packed, "mail": letter} {
		found, err := Find(raw)
		if err != nil || len(found) != 1 || found[0].TLS == nil {
			t.Fatalf("%s: %v, %v", name, found, err)
		}
		got := found[0]
		if got.ID != r.ID || got.Org != r.Org || got.Contact != r.Contact || !got.Begin.Equal(r.Begin) || !got.End.Equal(r.End) || len(got.TLS.Policies) != 2 {
			t.Errorf("%s: %+v", name, got)
		}
		for i, p := range got.TLS.Policies {
			want := r.TLS.Policies[i]
			if p.Domain != want.Domain || p.Kind != want.Kind || p.Succeeded != want.Succeeded || p.Failed != want.Failed || len(p.Failures) != len(want.Failures) {
				t.Errorf("%s: %+v, want %+v", name, p, want)
				continue
			}
			for j, f := range p.Failures {
				w := want.Failures[j]
				if w.Sender, w.Receiver = "", ""; f != w {
					t.Errorf("%s: %+v, want %+v", name, f, w)
				}
			}
		}
	}
	held(t, letter, "multipart/report", "tlsrpt", TypeTLS, "mx.near.example!far.example!1795824000!1795910399.json.gz")
	m, err := mail.CreateReader(bytes.NewReader(letter))
	if err != nil {
		t.Fatal(err)
	}
	if m.Header.Get("TLS-Report-Domain") != "far.example" || m.Header.Get("TLS-Report-Submitter") != "mx.near.example" ||
		m.Header.Get("Subject") != "Report Domain: far.example Submitter: mx.near.example Report-ID: <2026-11-28.abc@mx.near.example>" {
		t.Errorf("%s", letter)
	}
}

// held holds a mail with a report to the form that RFC 8460, section 5.3, or RFC 9990, section
// 3.5.2, wants.
func held(t *testing.T, letter []byte, kind, report, media, file string) {
	t.Helper()
	for line := range strings.Lines(string(letter)) {
		if !strings.HasSuffix(line, "\r\n") || len(line) > 1000 || strings.ContainsFunc(line, func(r rune) bool { return r >= 0x7f }) {
			t.Errorf("a line: %q", line)
		}
	}
	m, err := mail.CreateReader(bytes.NewReader(letter))
	if err != nil {
		t.Fatal(err)
	}
	got, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || got != kind || params["report-type"] != report {
		t.Errorf("%s, %v, %v", got, params, err)
	}
	if _, err := m.NextPart(); err != nil {
		t.Fatal(err)
	}
	p, err := m.NextPart()
	if err != nil {
		t.Fatal(err)
	}
	attached, ok := p.Header.(*mail.AttachmentHeader)
	if !ok {
		t.Fatalf("%T", p.Header)
	}
	is, _, err := attached.ContentType()
	name, nameErr := attached.Filename()
	if err != nil || nameErr != nil || is != media || name != file {
		t.Errorf("%s, %s, %v, %v", is, name, err, nameErr)
	}
}
