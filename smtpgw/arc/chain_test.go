package arc

import (
	"bytes"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"cairn/mailstore/testenv"
	"cairn/smtpgw/authres/lookup"
	"cairn/smtpgw/authres/lookup/lookuptest"
	"cairn/smtpgw/dkim"
)

func TestGenerated(t *testing.T) {
	texts, cases := lookuptest.Generated(t)
	ran := 0
	for _, c := range cases {
		want := c.ARC
		if want == "" {
			want = "none"
		} else {
			ran++
		}
		got := Validate(t.Context(), lookup.New(&lookuptest.Zone{TXTs: texts}), dkim.Split(c.Raw))
		if string(got.Result) != want || (got.Result == Pass) != (len(got.Sealers) > 0) {
			t.Errorf("%s, %s: %+v, want %s", c.File, c.Note, got, want)
		}
		if got.Result == Pass {
			if silent := Validate(t.Context(), lookup.New(&lookuptest.Zone{Silent: map[string]bool{".example": true}}), dkim.Split(c.Raw)); silent.Result != TempError {
				t.Errorf("%s, the DNS is silent: %+v", c.File, silent)
			}
		}
	}
	if ran < 6 {
		t.Errorf("%d have a chain", ran)
	}
}

// A chain that another program sealed, with the keys in front of it.
func TestKeyedSample(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(testenv.Folder(t, "CAIRN_TESTDATA"), "auth", "stalwart-mail-auth", "arc", "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		keys, raw, _ := bytes.Cut(lookuptest.Wire(t, file), []byte("\r\n\r\n"))
		z := &lookuptest.Zone{TXTs: map[string][]string{}}
		for line := range strings.Lines(string(keys)) {
			name, txt, _ := strings.Cut(strings.TrimSpace(line), " ")
			z.TXTs[name] = []string{txt}
		}
		if got := Validate(t.Context(), lookup.New(z), dkim.Split(raw)); got.Result != Pass {
			t.Errorf("%s: %+v", filepath.Base(file), got)
		}
	}
}

// What makes no chain is found without a question to the DNS.
func TestNoChain(t *testing.T) {
	set := func(i int) string {
		return fmt.Sprintf("ARC-Seal: i=%d; cv=none; a=rsa-sha256; d=a.example; s=s; b=eA==\r\nARC-Message-Signature: i=%[1]d\r\nARC-Authentication-Results: i=%[1]d; x\r\n", i)
	}
	many := ""
	for i := range maxSets + 1 {
		many += set(i + 1)
	}
	for name, c := range map[string]struct{ header, says string }{
		"too many":      {many, "more than 50"},
		"a gap":         {set(1) + set(3), "gaps"},
		"twice":         {set(1) + set(1), "gaps"},
		"incomplete":    {"ARC-Seal: i=1; cv=none\r\n", "missing"},
		"no number":     {strings.ReplaceAll(set(1), "i=1", "i=x"), "no number"},
		"number zero":   {strings.ReplaceAll(set(1), "i=1", "i=0"), "no number"},
		"an empty tag":  {strings.Replace(set(1), "; cv", ";; cv", 1), "empty"},
		"found it none": {set(1) + set(2), "relay 2 found"},
	} {
		got := Validate(t.Context(), lookup.New(nil), dkim.Split([]byte(c.header+"From: a@b.example\r\n\r\n")))
		if got.Result != Fail || !strings.Contains(got.Reason, c.says) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestFindings(t *testing.T) {
	got := findings(` mx.example (a "comment\) ; dmarc=pass) ; DMARC = Pass (p=reject) header.from=Org.example;
	spf=fail reason="x; dkim=pass header.d=evil.example" smtp.mailfrom=a@b.example; nonsense; dkim/1=none`)
	want := []Finding{
		{"dmarc", "pass", map[string]string{"header.from": "org.example"}},
		{"spf", "fail", map[string]string{"smtp.mailfrom": "a@b.example"}},
		{"dkim", "none", map[string]string{}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	if got := findings("x" + strings.Repeat("; spf=pass", 100)); len(got) != maxFindings {
		t.Errorf("%d findings", len(got))
	}
}

// Whatever a header has, there is a result, and nothing passes that the key did not seal.
func FuzzValidate(f *testing.F) {
	f.Add([]byte("ARC-Seal: i=1; cv=none; a=rsa-sha256; d=a.example; s=s; b=eA==\r\nARC-Message-Signature: i=1; a=rsa-sha256; d=a.example; s=s; h=from; bh=eA==; b=eA==\r\nARC-Authentication-Results: i=1; x; dmarc=pass header.from=a.example\r\nFrom: a@a.example\r\n\r\nx"))
	z := &lookuptest.Zone{TXTs: map[string][]string{"s._domainkey.a.example": {"p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"}}}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := dkim.Split(raw)
		if c := Validate(t.Context(), lookup.New(z), m); c.Result == Pass || c.Result == "" {
			t.Fatalf("%+v", c)
		}
		for _, field := range m.Fields {
			for _, r := range findings(string(field.Value())) {
				if strings.ContainsAny(r.Method+r.Result, " ;\r\n") {
					t.Fatalf("%+v", r)
				}
			}
		}
	})
}
