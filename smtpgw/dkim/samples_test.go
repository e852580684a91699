package dkim

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cairn/mailstore/testenv"
	"cairn/smtpgw/authres/lookup"
	"cairn/smtpgw/authres/lookup/lookuptest"
)

// samples is the folder with the collections of signed mail.
func samples(t *testing.T) string {
	return filepath.Join(testenv.Folder(t, "CAIRN_TESTDATA"), "auth")
}

// results are those of a message, joined.
func results(t *testing.T, z *lookuptest.Zone, raw []byte, now time.Time) string {
	t.Helper()
	found, left := Verify(t.Context(), lookup.New(z), Split(raw), now)
	var all []string
	for _, v := range found {
		all = append(all, string(v.Result))
		if v.Result != Pass {
			t.Logf("%s of %s: %s", v.Result, v.Domain, v.Reason)
		}
	}
	if left > 0 {
		t.Errorf("%d are left", left)
	}
	if len(all) == 0 {
		return "none"
	}
	return strings.Join(all, ",")
}

// generatedOtherwise are cases in which we say something else than the collection, and why.
var generatedOtherwise = map[string]string{
	// A footer stands behind what l= counts. RFC 6376, section 8.2, lets a verifier distrust that:
	// what its reader sees is not signed.
	"msg/010.eml": "policy",
	// Two From fields, of which the lower one is signed: the signature holds, and DMARC takes none.
	"msg/020.eml": "pass",
	// A body of one space without a line end was hashed as a space and a line end. RFC 6376,
	// section 3.4.4, takes the space off first, and SMTP carries no such body.
	"msg/033.eml": "fail",
	// Where a field was removed, its line end is left: the header ends there, above the signature.
	"msg/040.eml": "none",
}

func TestGenerated(t *testing.T) {
	texts, cases := lookuptest.Generated(t)
	for _, c := range cases {
		if other, ok := generatedOtherwise[c.File]; ok {
			c.DKIM = other
		}
		if got := results(t, &lookuptest.Zone{TXTs: texts}, c.Raw, time.Now()); got != c.DKIM {
			t.Errorf("%s, %s: %s, want %s", c.File, c.Note, got, c.DKIM)
		}
	}
}

// Mail with the keys beside it.
func TestKeyedSamples(t *testing.T) {
	dir := samples(t)
	z := &lookuptest.Zone{TXTs: map[string][]string{}}
	pem := string(lookuptest.Wire(t, dir, "mimekit-dkim", "gmail.pub"))
	var key strings.Builder
	for line := range strings.Lines(pem) {
		if !strings.HasPrefix(line, "-") {
			key.WriteString(strings.TrimSpace(line))
		}
	}
	z.TXTs["20120113._domainkey.gmail.com"] = []string{"k=rsa; p=" + key.String()}
	z.TXTs["brisbane._domainkey.football.example.com"] = []string{"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="}
	z.TXTs["test._domainkey.football.example.com"] = []string{"v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"}
	for file, want := range map[string]string{"gmail.msg": "pass", "related.msg": "pass", "rfc8463-example.msg": "pass,pass"} {
		if got := results(t, z, lookuptest.Wire(t, dir, "mimekit-dkim", file), time.Unix(1500000000, 0)); got != want {
			t.Errorf("%s: %s", file, got)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "stalwart-mail-auth", "dkim", "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		// Lines of names and keys stand in front of the message, and an empty one between.
		keys, raw, _ := bytes.Cut(lookuptest.Wire(t, file), []byte("\r\n\r\n"))
		z := &lookuptest.Zone{TXTs: map[string][]string{}}
		for line := range strings.Lines(string(keys)) {
			name, txt, _ := strings.Cut(strings.TrimSpace(line), " ")
			z.TXTs[name] = append(z.TXTs[name], txt)
		}
		want := map[string]string{"001.txt": "pass,pass", "003.txt": "pass,pass"}[filepath.Base(file)]
		if want == "" {
			want = "pass"
		}
		if got := results(t, z, raw, time.Unix(1500000000, 0)); got != want {
			t.Errorf("%s: %s, want %s", filepath.Base(file), got, want)
		}
	}
}

// The keys of these are in a DNS that is gone, so the bodies are held to their hashes.
func TestBodiesOfSamples(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(samples(t), "spamassassin-dkim", "test-pass-*.msg"))
	if err != nil || len(files) < 20 {
		t.Fatal(files, err)
	}
	held := 0
	for _, file := range files {
		m := Split(lookuptest.Wire(t, file))
		for _, f := range m.Named("dkim-signature") {
			s, err := parseSignature(f)
			if s == nil || s.BodyHash == nil {
				t.Logf("%s: %v", filepath.Base(file), err)
				continue
			}
			held++
			if sum, _ := m.BodyHash(s.BodyForm, s.Length); !bytes.Equal(sum, s.BodyHash) {
				t.Errorf("%s: the body is another one", filepath.Base(file))
			}
		}
	}
	if held < 15 {
		t.Errorf("%d held", held)
	}
}
