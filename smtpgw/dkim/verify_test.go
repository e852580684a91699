package dkim

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"cairn/smtpgw/authres/lookup"
	"cairn/smtpgw/authres/lookup/lookuptest"
)

var (
	edKey  = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	edText = "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(edKey.Public().(ed25519.PublicKey))
)

const letter = "From: Jo <jo@org.example>\r\nTo: a@b.example\r\nSubject:  several   words\r\n folded\r\nSubject: again\r\n\r\nText \t of\r\n\r\n  lines \r\n\r\n\r\n"

// signed is a letter with a signature that another program makes.
func signed(t testing.TB, text string, change func(*dkim.SignOptions)) []byte {
	t.Helper()
	o := &dkim.SignOptions{Domain: "org.example", Selector: "s", Signer: edKey}
	if change != nil {
		change(o)
	}
	var b bytes.Buffer
	if err := dkim.Sign(&b, strings.NewReader(text), o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func keyed(texts ...string) *lookuptest.Zone {
	return &lookuptest.Zone{TXTs: map[string][]string{"s._domainkey.org.example": texts}}
}

// Each combination of forms that another program signs passes, and no octet of the body or of what
// is signed may change.
func TestSignedByAnotherProgram(t *testing.T) {
	for _, header := range []dkim.Canonicalization{dkim.CanonicalizationSimple, dkim.CanonicalizationRelaxed} {
		for _, body := range []dkim.Canonicalization{dkim.CanonicalizationSimple, dkim.CanonicalizationRelaxed} {
			for _, text := range []string{letter, "From: jo@org.example\r\n\r\n", "From: jo@org.example\r\n\r\n\r\n\r\n", "From: jo@org.example\r\n\r\n \r\n\t\r\nx", "from : jo@org.example\r\n\r\nx\r\n y"} {
				raw := signed(t, text, func(o *dkim.SignOptions) { o.HeaderCanonicalization, o.BodyCanonicalization = header, body })
				if got := results(t, keyed(edText), raw, time.Now()); got != "pass" {
					t.Errorf("%s/%s, %q: %s", header, body, text, got)
				}
				if got := results(t, keyed(edText), append(raw, '!'), time.Now()); got != "fail" {
					t.Errorf("%s/%s, %q, appended: %s", header, body, text, got)
				}
				if got := results(t, keyed(edText), bytes.Replace(raw, []byte("jo@"), []byte("ji@"), 1), time.Now()); got != "fail" {
					t.Errorf("%s/%s, %q, another author: %s", header, body, text, got)
				}
			}
		}
	}
}

func TestRelaxedFormLetsRelaysRefold(t *testing.T) {
	raw := signed(t, letter, func(o *dkim.SignOptions) {
		o.HeaderCanonicalization, o.BodyCanonicalization = dkim.CanonicalizationRelaxed, dkim.CanonicalizationRelaxed
	})
	for old, now := range map[string]string{"Subject:  several   words\r\n folded": "SUBJECT\t: several\r\n\twords folded  ", "Text \t of": "Text of\t", "lines \r\n\r\n\r\n": "lines\r\n"} {
		raw = bytes.Replace(raw, []byte(old), []byte(now), 1)
	}
	if got := results(t, keyed(edText), raw, time.Now()); got != "pass" {
		t.Error(got)
	}
}

// rsaText is the key record of a fresh RSA key, in one of its two forms.
func rsaText(t *testing.T, key *rsa.PrivateKey, pkcs1 bool) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	if pkcs1 {
		der = x509.MarshalPKCS1PublicKey(&key.PublicKey)
	}
	return "p=" + base64.StdEncoding.EncodeToString(der)
}

func TestKeys(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	byRSA := signed(t, letter, func(o *dkim.SignOptions) { o.Signer = key })
	byEd := signed(t, letter, nil)
	below := signed(t, letter, func(o *dkim.SignOptions) { o.Identifier = "jo@below.org.example" })
	for _, c := range []struct {
		name string
		raw  []byte
		txt  []string
		want string
	}{
		{"RSA", byRSA, []string{rsaText(t, key, false)}, "pass"},
		{"RSA as RFC 6376 had it", byRSA, []string{"v=DKIM1; k=rsa; h=sha1:sha256; s=email; n=a note; " + rsaText(t, key, true)}, "pass"},
		{"behind another text", byEd, []string{"a note", edText}, "pass"},
		{"the other type", byRSA, []string{edText}, "permerror"},
		{"for another hash", byEd, []string{edText + "; h=sha1"}, "permerror"},
		{"for something else", byEd, []string{edText + "; s=tlsrpt"}, "permerror"},
		{"of another version", byEd, []string{"v=DKIM2; p=x"}, "permerror"},
		{"of an unknown type", byEd, []string{"k=x; p=eA=="}, "permerror"},
		{"revoked", byEd, []string{"v=DKIM1; p="}, "permerror"},
		{"unreadable", byEd, []string{"v=DKIM1; p=%"}, "permerror"},
		{"none", byEd, nil, "permerror"},
		{"one of several lines", byEd, []string{strings.Replace(edText, "p=", "p=\r\n ", 1)}, "pass"},
		{"below its domain", below, []string{edText}, "pass"},
		{"below, which it may not", below, []string{edText + "; t=y:s"}, "permerror"},
	} {
		if got := results(t, keyed(c.txt...), c.raw, time.Now()); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	silent := &lookuptest.Zone{Silent: map[string]bool{"s._domainkey.org.example": true}}
	if got := results(t, silent, byEd, time.Now()); got != "temperror" {
		t.Errorf("the DNS is silent: %s", got)
	}
}

// What a signature says of itself.
func TestSignatures(t *testing.T) {
	raw := signed(t, letter, nil)
	for _, c := range []struct{ name, old, now, want string }{
		{"of no version", "v=1;", "", "permerror"},
		{"SHA-1", "ed25519-sha256", "rsa-sha1", "permerror"},
		{"another algorithm", "ed25519-sha256", "x", "permerror"},
		{"without a domain", "d=org.example;", "", "permerror"},
		{"a domain that is none", "d=org.example;", "d=org;", "permerror"},
		{"an identity elsewhere", "d=org.example;", "d=org.example; i=x@other.example;", "permerror"},
		{"a tag twice", "d=org.example;", "d=org.example; d=org.example;", "neutral"},
		{"no tag", "d=org.example;", "d=org.example; =;", "neutral"},
		{"From is not signed", "h=From:", "h=X-From:", "permerror"},
		{"no number", "d=org.example;", "d=org.example; l=-1;", "neutral"},
		{"another form", "c=simple/simple", "c=simple/x", "permerror"},
		{"another way to the key", "d=org.example;", "d=org.example; q=x/y;", "permerror"},
		{"expired before it was made", "d=org.example;", "d=org.example; x=1;", "permerror"},
	} {
		changed := bytes.Replace(raw, []byte(c.old), []byte(c.now), 1)
		if bytes.Equal(changed, raw) {
			t.Fatalf("%s: %q is not in %s", c.name, c.old, raw)
		}
		if got := results(t, keyed(edText), changed, time.Now()); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	expiring := signed(t, letter, func(o *dkim.SignOptions) { o.Expiration = time.Now().Add(time.Hour) })
	if got := results(t, keyed(edText), expiring, time.Now()); got != "pass" {
		t.Errorf("before it expires: %s", got)
	}
	if got := results(t, keyed(edText), expiring, time.Now().Add(2*time.Hour)); got != "policy" {
		t.Errorf("expired: %s", got)
	}
}

// Only so many signatures are looked at, and each key is asked for once.
func TestManySignatures(t *testing.T) {
	raw := signed(t, letter, nil)
	field, _, _ := bytes.Cut(raw, []byte("From: Jo"))
	raw = append(bytes.Repeat(field, 49), raw...)
	found, left := Verify(t.Context(), lookup.New(keyed(edText)), Split(raw), time.Now())
	if len(found) != maxSignatures || left != 50-maxSignatures {
		t.Fatalf("%d found, %d left", len(found), left)
	}
	for _, v := range found {
		if v.Result != Pass || v.Domain != "org.example" || v.Selector != "s" || len(v.Value) != 8 {
			t.Errorf("%+v", v)
		}
	}
}

func TestSplit(t *testing.T) {
	for raw, want := range map[string]string{
		"":                                       `[] ""`,
		"\r\n":                                   `[] ""`,
		"\r\n body":                              `[] " body"`,
		"A: 1\r\n 2\r\n\t3\r\nB :x\r\n\r\ny\r\n": `["a" "b"] "y\r\n"`,
		"A: 1":                                   `["a"] ""`,
		"A: 1\r\n ":                              `["a"] ""`,
		"none\r\n\r\n\r\nx":                      `[""] "\r\nx"`,
	} {
		m := Split([]byte(raw))
		names := []string{}
		for _, f := range m.Fields {
			names = append(names, f.Name)
		}
		if got := fmt.Sprintf("%q %q", names, m.Body); got != want {
			t.Errorf("%q: %s, want %s", raw, got, want)
		}
	}
	const whole = "A: 1\r\n 2\r\nB: 3\r\n\r\none\r\ntwo\r\n\r\n"
	want := fmt.Sprintf("%q", Split([]byte(whole)).Fields)
	for _, cuts := range [][]int{{10}, {0, 10}, {10, 16}, {16}, {18}, {18, 21}, {21, 23, 25}, {len(whole)}} {
		var pieces [][]byte
		at := 0
		for _, cut := range append(cuts, len(whole)) {
			pieces = append(pieces, []byte(whole[at:cut]))
			at = cut
		}
		if m := Split(pieces...); fmt.Sprintf("%q", m.Fields) != want || string(m.Body) != "one\r\ntwo\r\n\r\n" {
			t.Errorf("in pieces %q: %q, %q", pieces, m.Fields, m.Body)
		}
	}
}

// What we call good another program calls good, where it can read the header at all.
func FuzzVerify(f *testing.F) {
	f.Add(signed(f, letter, nil))
	f.Add(signed(f, letter, func(o *dkim.SignOptions) {
		o.HeaderCanonicalization, o.BodyCanonicalization = dkim.CanonicalizationRelaxed, dkim.CanonicalizationRelaxed
	}))
	f.Fuzz(func(t *testing.T, raw []byte) {
		found, _ := Verify(t.Context(), lookup.New(keyed(edText)), Split(raw), time.Unix(2e9, 0))
		if len(found) != 1 || found[0].Result != Pass {
			return
		}
		theirs, err := dkim.VerifyWithOptions(bytes.NewReader(raw), &dkim.VerifyOptions{
			MaxVerifications: 1, LookupTXT: func(string) ([]string, error) { return []string{edText}, nil },
		})
		if err == nil && (len(theirs) != 1 || theirs[0].Err != nil) {
			t.Fatalf("%+v", theirs)
		}
	})
}

func FuzzKey(f *testing.F) {
	f.Add(edText + "; t=y:s; h=sha256")
	f.Add("k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB")
	f.Fuzz(func(t *testing.T, txt string) {
		if k, err := ParseKey(txt); err == nil {
			// A weak key may take this signature: who publishes it signs for himself alone.
			k.Verify(algorithmEd25519, make([]byte, 32), make([]byte, 64))
		}
	})
}

// Bodies of 8 MiB, hashed in each form.
func BenchmarkBody(b *testing.B) {
	body := bytes.Repeat([]byte("A line of  text, as long as lines are in mail that people write. \r\n"), 8<<20/67)
	for name, form := range map[string]Form{"simple": Simple, "relaxed": Relaxed} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				(&Message{Body: body, bodies: make(map[bodyPart]bodySum)}).BodyHash(form, -1)
			}
		})
	}
}
