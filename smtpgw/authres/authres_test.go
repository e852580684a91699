package authres

import (
	"bytes"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/authres"

	"cairn/smtpgw/screen"
)

func TestField(t *testing.T) {
	for _, tt := range []struct {
		name     string
		evidence screen.Evidence
		want     string // after the authserv-id
	}{
		{"nothing", nil, "; none"},
		{"the record alone", screen.Evidence{{Method: "x-cairn", Result: "neutral", Reason: "verdict=pending"}},
			";\r\n\tx-cairn=neutral reason=\"verdict=pending\""},
		{"several methods", screen.Evidence{
			{Method: "x-cairn", Result: "pass", About: "org.example", Property: "header.from", Reason: "verdict=verified"},
			{Method: "spf", Result: "fail", About: "jo@org.example", Property: "smtp.mailfrom"},
			{Method: "dkim", Result: "none"},
		}, ";\r\n\tx-cairn=pass reason=\"verdict=verified\" header.from=org.example;\r\n\tspf=fail smtp.mailfrom=jo@org.example;\r\n\tdkim=none"},
		{"a long reason is folded", screen.Evidence{{Method: "dmarc", Result: "fail", Reason: strings.Repeat("because ", 12)}},
			";\r\n\tdmarc=fail reason=\"because because because because because because because\r\n because because because because because\""},
		{"an address that needs quotes", screen.Evidence{{Method: "spf", Result: "pass", About: `a "b" c@org.example`, Property: "smtp.mailfrom"}},
			`;\r\n\tspf=pass smtp.mailfrom="a \"b\" c@org.example"`},
		{"breaking out", screen.Evidence{{Method: "x-cairn", Result: "fail", Reason: "x\"\r\nBcc: victim@example\\", About: "e.example;\r\n x-cairn=pass", Property: "header.from"}},
			`;\r\n\tx-cairn=fail reason="x\" Bcc: victim@example\\"\r\n\theader.from="e.example; x-cairn=pass"`},
		{"other scripts", screen.Evidence{{Method: "x-cairn", Result: "fail", Reason: "Müller\x00"}}, `;\r\n\tx-cairn=fail reason="M?ller?"`},
		{"methods that are none", screen.Evidence{
			{Method: "x cairn", Result: "pass"}, {Method: "", Result: "pass"}, {Method: "spf", Result: "pass; dkim=pass"}, {Method: "spf", Result: ""},
		}, "; none"},
		{"properties that are none", screen.Evidence{
			{Method: "spf", Result: "pass", About: "x", Property: "smtp"}, {Method: "spf", Result: "pass", About: "x", Property: "smtp.a b"},
		}, ";\r\n\tspf=pass;\r\n\tspf=pass"},
	} {
		want := strings.NewReplacer(`\r\n`, "\r\n", `\t`, "\t").Replace(tt.want)
		if got := string(Field("mx.local.example", tt.evidence)); got != "Authentication-Results: mx.local.example"+want+"\r\n" {
			t.Errorf("%s: %q, want %q", tt.name, got, want)
		}
	}
}

// Another parser, which takes quoted strings as they stand and knows none with spaces, reads what
// was written.
func TestFieldIsReadBackByAnotherParser(t *testing.T) {
	f := Field("mx.local.example", screen.Evidence{
		{Method: "x-cairn", Result: "pass", About: "org.example", Property: "header.from", Reason: "verdict=verified"},
		{Method: "spf", Result: "softfail", About: "jo@org.example", Property: "smtp.mailfrom"},
		{Method: "dkim", Result: "fail", About: "org.example", Property: "header.d"},
	})
	value := strings.TrimSuffix(strings.TrimPrefix(string(f), "Authentication-Results: "), "\r\n")
	id, results, err := authres.Parse(strings.ReplaceAll(value, "\r\n", ""))
	if err != nil || id != "mx.local.example" || len(results) != 3 {
		t.Fatalf("parsed %q %v %v from %q", id, results, err, f)
	}
	if r, ok := results[0].(*authres.GenericResult); !ok || r.Method != "x-cairn" || r.Value != "pass" || r.Params["header.from"] != "org.example" || r.Params["reason"] != `"verdict=verified"` {
		t.Errorf("x-cairn %+v", results[0])
	}
	if r, ok := results[1].(*authres.SPFResult); !ok || r.Value != "softfail" || r.From != "jo@org.example" {
		t.Errorf("spf %+v", results[1])
	}
	if r, ok := results[2].(*authres.DKIMResult); !ok || r.Value != "fail" || r.Domain != "org.example" {
		t.Errorf("dkim %+v", results[2])
	}
}

// Whatever evidence says, the field is one field of a few bounded lines in
// printable ASCII, names whom it is from, and says nothing else.
func FuzzField(f *testing.F) {
	f.Add("mx.example", "spf", "pass", "a@b.example", "smtp.mailfrom", "because", uint8(3))
	f.Add("mx.example", "x-cairn", "fail", "\r\n\r\n", "a.b", strings.Repeat(`"\; x-cairn=pass `, 90), uint8(99))
	f.Fuzz(func(t *testing.T, id, method, result, about, property, reason string, n uint8) {
		one := screen.Result{Method: method, Result: result, About: about, Property: property, Reason: reason}
		var all screen.Evidence
		for range n {
			all = append(all, one)
		}
		field := Field("mx.example", all)
		lines := bytes.Split(bytes.TrimSuffix(field, []byte("\r\n")), []byte("\r\n"))
		for i, line := range lines {
			if len(line) > 700 || bytes.ContainsFunc(line, func(r rune) bool { return r != '\t' && (r < ' ' || r >= 0x7f) }) {
				t.Fatalf("line %q", line)
			}
			if folded := line[0] == ' ' || line[0] == '\t'; folded != (i > 0) || len(bytes.TrimSpace(line)) == 0 {
				t.Fatalf("line %d is %q", i, line)
			}
		}
		if len(field) > maxResults*(maxReason+maxValue+200)*2 {
			t.Fatalf("%d octets", len(field))
		}
		value := strings.TrimPrefix(string(field), "Authentication-Results:")
		if !Bears(value, "mx.example") {
			t.Fatalf("%q is not ours", field)
		}
		if unquoted := outside(value); strings.Count(unquoted, ";") != max(min(int(n), maxResults), 1) && !strings.HasSuffix(unquoted, "; none\r\n") {
			t.Fatalf("%q has %d results of %d", field, strings.Count(unquoted, ";"), n)
		}
		keyOrQuoted(id)
	})
}

// outside is s without its quoted strings.
func outside(s string) string {
	var b strings.Builder
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case !quoted:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

func TestBears(t *testing.T) {
	for _, tt := range []struct {
		value string
		want  bool
	}{
		{" mx.example; x-cairn=pass", true},
		{" MX.Example ; x-cairn=pass", true},
		{"\r\n mx.example 1; none", true},
		{" (a (nested) \\) comment) mx.example; dkim=pass", true},
		{` "mx.example"; dkim=pass`, true},
		{` "mx\.example"; dkim=pass`, true},
		{" mx.example(comment); dkim=pass", true},
		{" mx.example.; dkim=pass", true},
		{" mx.example", true},
		{" other.example; x-cairn=pass reason=mx.example", false},
		{" (mx.example) other.example; none", false},
		{" ; mx.example", false},
		{"", false},
	} {
		if got := Bears(tt.value, "mx.example"); got != tt.want {
			t.Errorf("Bears(%q) = %v", tt.value, got)
		}
	}
}
