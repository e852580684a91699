package reports

import (
	"fmt"
	"strings"
	"testing"

	"cairn/mailstore/message/maildomain"
)

func TestTLSDestinations(t *testing.T) {
	for _, tt := range []struct {
		records []string
		want    string
	}{
		{nil, "[]"},
		{[]string{"v=TLSRPTv1; rua=mailto:tls@Far.example"}, "[tls@far.example]"},
		{[]string{"v=TLSRPTv1;rua=https://Reports.far.example/v1/tls?id=7"}, "[https://reports.far.example/v1/tls?id=7]"},
		{[]string{"v=TLSRPTv1 ;\trua=mailto:a@far.example , https://far.example:443/ ,mailto:a@far.example;"}, "[a@far.example https://far.example/]"},
		{[]string{"v=TLSRPTv1; x=y; rua=mailto:a%2Bb@far.example?subject=hello"}, "[a+b@far.example]"},
		{[]string{"a note", "v=TLSRPTv1; rua=mailto:a@far.example", "v=TLSRPTv2; rua=mailto:b@far.example"}, "[a@far.example]"},
		{[]string{"v=TLSRPTv1; rua=mailto:a@far.example", "v=TLSRPTv1; rua=mailto:b@far.example"}, "[]"},
		{[]string{"v=TLSRPTv1; rua=mailto:a@far.example", "v=TLSRPTv1;"}, "[]"},
		{[]string{"v=tlsrptv1; rua=mailto:a@far.example"}, "[]"},
		{[]string{"rua=mailto:a@far.example; v=TLSRPTv1"}, "[]"},
		{[]string{"v=TLSRPTv1"}, "[]"},
		{[]string{"v=TLSRPTv1; rua="}, "[]"},
		{[]string{"v=TLSRPTv1; rua=http://far.example/, ftp://far.example, tls@far.example"}, "[]"},
		{[]string{"v=TLSRPTv1; rua=https://u:p@far.example/, https://127.0.0.1/, https://[::1]/, https://far.example:8443/, https://localhost/, https:far.example"}, "[]"},
		{[]string{"v=TLSRPTv1; rua=mailto:, mailto:a, mailto:@far.example, mailto:a b@far.example, mailto:a%0D%0Ab@far.example, mailto:\"a\"@far.example, mailto:a@[192.0.2.1], mailto:a@b%2Cc@far.example"}, "[]"},
		{[]string{"v=TLSRPTv1; rua=mailto:" + strings.Repeat("a", 65) + "@far.example"}, "[]"},
		{[]string{"v=TLSRPTv1; rua=mailto:a@far.example,mailto:b@far.example,mailto:c@far.example,mailto:d@far.example,mailto:e@far.example"}, "[a@far.example b@far.example c@far.example d@far.example]"},
		{[]string{"v=TLSRPTv1; rua=mailto:first@far.example; rua=mailto:second@far.example"}, "[first@far.example]"},
	} {
		if got := fmt.Sprint(TLSDestinations(tt.records)); got != tt.want {
			t.Errorf("%q: %s, want %s", tt.records, got, tt.want)
		}
	}
}

func TestDMARCDestinations(t *testing.T) {
	for rua, want := range map[string]string{
		"":                         "[]",
		"mailto:d@far.example":     "[{d@far.example  0}]",
		"mailto:d@far.example!10m": "[{d@far.example  10485760}]",
		"mailto:d@far.example!7":   "[{d@far.example  7}]",
		"mailto:d@far.example!1K, mailto:e@other.example": "[{d@far.example  1024} {e@other.example  0}]",
		"mailto:d@far.example!":                           "[]", "mailto:d@far.example!m": "[]", "mailto:d@far.example!0": "[]", "mailto:d@far.example!1x": "[]", "mailto:d@far.example!99999999999t": "[]",
		"https://far.example/": "[]",
	} {
		var got []string
		for _, d := range DMARCDestinations(rua) {
			got = append(got, fmt.Sprintf("{%s %s %d}", d.Mail, d.URL, d.Most))
		}
		if text := fmt.Sprint(got); text != want {
			t.Errorf("%q: %s, want %s", rua, text, want)
		}
	}
}

// Whatever a record says, what is read of it can be written to: an address in one line of ASCII, or
// a URL of a web server that has a name.
func FuzzDestinations(f *testing.F) {
	f.Add("v=TLSRPTv1; rua=mailto:a%2Bb@far.example?x=y,https://far.example/a?b=c", "")
	f.Add("v=TLSRPTv1;rua=https://far.example:443/%0d%0a", "mailto:d@far.example!10m,mailto:x@y.z!3")
	f.Add("v=TLSRPTv1; rua=https://far.example/a? =c", "")
	f.Add("", "mailto:d@far.example!10\x80\x00mailto:x@l.z!3")
	f.Fuzz(func(t *testing.T, record, rua string) {
		list := append(TLSDestinations([]string{record}), DMARCDestinations(rua)...)
		if len(list) > 2*MaxDestinations {
			t.Fatal(len(list), " destinations")
		}
		for _, d := range list {
			text := d.String()
			if text == "" || len(text) > maxURL+maxText || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
				t.Fatalf("%q", text)
			}
			if d.Mail != "" && (d.URL != "" || strings.Count(d.Mail, "@") != 1 || !maildomain.Valid(maildomain.OfAddress(d.Mail))) {
				t.Fatalf("%+v", d)
			}
			if d.URL != "" && !strings.HasPrefix(d.URL, "https://") {
				t.Fatalf("%+v", d)
			}
		}
	})
}
