package arc

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cairn/mailstore/testenv"
	"cairn/smtpgw/authres/lookup"
	"cairn/smtpgw/authres/lookup/lookuptest"
	"cairn/smtpgw/dkim"
)

const mail = "Received: from a by b; Sat, 28 Nov 2026 12:00:00 +0000\r\nDKIM-Signature: v=1; a=rsa-sha256; d=a.example\r\n" +
	"From: Ann <ann@a.example>\r\nTo: bob@b.example\r\nSubject:  a  long\r\n subject \r\nDate: Sat, 28 Nov 2026 12:00:00 +0000\r\n" +
	"Message-ID: <1@a.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nhello  you \r\n\r\n\r\n"

var when = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// sealers are three domains with their keys, and the DNS that has these.
func sealers(t testing.TB) ([]dkim.SigningKey, *lookuptest.Zone) {
	t.Helper()
	z := &lookuptest.Zone{TXTs: map[string][]string{}}
	var keys []dkim.SigningKey
	for _, domain := range []string{"one.example", "two.example", "three.example"} {
		signer, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		public, err := x509.MarshalPKIXPublicKey(signer.Public())
		if err != nil {
			t.Fatal(err)
		}
		z.TXTs["s1._domainkey."+domain] = []string{"v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(public)}
		keys = append(keys, dkim.SigningKey{Domain: domain, Selector: "s1", Signer: signer})
	}
	return keys, z
}

func validate(t testing.TB, z *lookuptest.Zone, raw []byte) Chain {
	t.Helper()
	return Validate(t.Context(), lookup.New(z), dkim.Split(raw))
}

// through has the domains seal one after another, each by what it finds.
func through(t testing.TB, z *lookuptest.Zone, keys []dkim.SigningKey, raw []byte) []byte {
	t.Helper()
	for i, k := range keys {
		m := dkim.Split(raw)
		found := Validate(t.Context(), lookup.New(z), m).Result
		fields, err := Seal(m, m, found, fmt.Sprintf(" mx%d.example;\r\n\tspf=pass smtp.mailfrom=ann@a.example;\r\n\tdmarc=pass header.from=a.example", i), k, when)
		if err != nil {
			t.Fatal(err)
		}
		raw = append(fields, raw...)
	}
	return raw
}

// TestSeal: chains of one to three seals hold, by our verifier and by another one, and do no more
// once an octet that counts is another.
func TestSeal(t *testing.T) {
	keys, z := sealers(t)
	for n := range keys {
		raw := through(t, z, keys[:n+1], []byte(mail))
		got := validate(t, z, raw)
		if got.Result != Pass || len(got.Sealers) != n+1 || got.Sealers[n] != keys[n].Domain || len(got.First) != 2 {
			t.Fatalf("%d seals: %+v\n%s", n+1, got, raw)
		}
		if !bytes.HasSuffix(raw, []byte(mail)) {
			t.Errorf("%d seals: what is below them was changed", n+1)
		}
		otherVerifier(t, z, raw)
		if got := validate(t, z, append([]byte("Cairn-Record: x\r\nDelivered-To: bob@b.example\r\n"), raw...)); got.Result != Pass {
			t.Errorf("%d seals, with trace on top: %+v", n+1, got)
		}
		for _, change := range [][2]string{{"hello  you", "hello you all"}, {"ann@a.example>", "ann@c.example>"}, {"spf=pass", "spf=fail"}} {
			if got := validate(t, z, bytes.Replace(raw, []byte(change[0]), []byte(change[1]), 1)); got.Result != Fail {
				t.Errorf("%d seals, %v: %+v", n+1, change, got)
			}
		}
	}
}

// otherVerifier has dkimpy look at a chain.
func otherVerifier(t *testing.T, z *lookuptest.Zone, raw []byte) {
	t.Helper()
	const python = "/usr/bin/python3"
	if !testenv.Runs(t, python, "-c", "import dkim") {
		return
	}
	dir := t.TempDir()
	zone, err := json.Marshal(z.TXTs)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"zone": zone, "mail": raw} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const look = `import dkim, json, sys
zone = json.load(open(sys.argv[1]))
look = lambda name, timeout=5: zone[name.decode().rstrip(".")][0].encode()
cv, results, reason = dkim.arc_verify(open(sys.argv[2], "rb").read(), dnsfunc=look)
print(cv, reason)
sys.exit(0 if cv == b"pass" else 1)`
	if out, err := exec.Command(python, "-c", look, filepath.Join(dir, "zone"), filepath.Join(dir, "mail")).CombinedOutput(); err != nil {
		t.Errorf("dkimpy: %v: %s", err, out)
	}
}

// TestNoSeal: where there is none, and what is said of a chain that fails.
// However often a field is there, the seal is no longer than a header may be, and holds.
func TestSealOfManyFields(t *testing.T) {
	keys, z := sealers(t)
	raw := through(t, z, keys[:1], []byte(strings.Repeat("To: bob@b.example\r\n", 3000)+mail))
	if seal := len(raw) - bytes.Index(raw, []byte("To: bob")); len(raw)-seal > 8<<10 {
		t.Errorf("the seal has %d octets", len(raw)-seal)
	}
	if got := validate(t, z, raw); got.Result != Pass {
		t.Errorf("%+v", got)
	}
}

func TestNoSeal(t *testing.T) {
	keys, z := sealers(t)
	chained := through(t, z, keys[:2], []byte(mail))
	broken := bytes.Replace(chained, []byte("hello"), []byte("hallo"), 1)
	m := dkim.Split(broken)
	fields, err := Seal(m, m, Fail, "mx.example; none", keys[2], when)
	if err != nil || !bytes.Contains(fields, []byte("i=3; a=rsa-sha256; cv=fail;")) {
		t.Fatalf("a broken chain: %v\n%s", err, fields)
	}
	ended := append(fields, broken...)
	if got := validate(t, z, ended); got.Result != Fail {
		t.Errorf("a chain that failed: %+v", got)
	}
	long := ""
	for i := range maxSets {
		long += fmt.Sprintf("ARC-Seal: i=%d; cv=none; a=rsa-sha256; d=a.example; s=s; b=eA==\r\nARC-Message-Signature: i=%[1]d\r\nARC-Authentication-Results: i=%[1]d; x\r\n", i+1)
	}
	_, other, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		raw   string
		found Result
		key   dkim.SigningKey
		want  error
	}{
		{"after a failure", string(ended), Fail, keys[0], ErrEnded},
		{"no numbers", "ARC-Seal: i=2; cv=pass\r\n" + mail, Fail, keys[0], ErrEnded},
		{"not known", string(chained), TempError, keys[0], ErrUnknown},
		{"a chain that was not seen", string(chained), None, keys[0], ErrUnknown},
		{"no chain that passed", mail, Pass, keys[0], ErrUnknown},
		{"fifty", long + mail, Pass, keys[0], ErrLong},
		{"folded at the top", " x\r\n" + mail, None, keys[0], dkim.ErrFolded},
		{"Ed25519", mail, None, dkim.SigningKey{Domain: "a.example", Selector: "s", Signer: other}, ErrKey},
	} {
		m := dkim.Split([]byte(tt.raw))
		if fields, err := Seal(m, m, tt.found, "x; none", tt.key, when); !errors.Is(err, tt.want) || fields != nil {
			t.Errorf("%s: %v, %q", tt.name, err, fields)
		}
	}
}

// TestSealChanged: what is changed on its way through us is sealed by what was found of it as it
// came; but not where sets got lost, since a relay would be hidden.
func TestSealChanged(t *testing.T) {
	keys, z := sealers(t)
	came := through(t, z, keys[:2], []byte(mail))
	goes := append([]byte("List-Id: <devs.three.example>\r\n"), bytes.Replace(came, []byte("hello"), []byte("[devs] hello"), 1)...)
	seal := func(goes []byte) ([]byte, error) {
		return Seal(dkim.Split(came), dkim.Split(goes), validate(t, z, came).Result, "mx.example; none", keys[2], when)
	}
	fields, err := seal(goes)
	if err != nil {
		t.Fatal(err)
	}
	sealed := append(fields, goes...)
	if got := validate(t, z, sealed); got.Result != Pass || len(got.Sealers) != 3 {
		t.Errorf("%+v\n%s", got, sealed)
	}
	otherVerifier(t, z, sealed)
	if got := validate(t, z, bytes.Replace(sealed, []byte("devs.three"), []byte("devs.four"), 1)); got.Result != Fail {
		t.Errorf("with another List-Id: %+v", got)
	}
	_, first, _ := bytes.Cut(came, []byte("ARC-Seal: i=1;"))
	first = append([]byte("ARC-Seal: i=1;"), first...)
	if _, err := seal(first); !errors.Is(err, ErrChanged) {
		t.Errorf("without the second relay: %v", err)
	}
}

// Whatever is sealed, the seal holds, or there is none.
func FuzzSeal(f *testing.F) {
	keys, z := sealers(f)
	f.Add([]byte(mail))
	f.Add([]byte("From:\r\n\r\n"))
	f.Add([]byte(" x\r\nFrom:\r\n\r\n"))
	f.Add([]byte("x\r\nFrom: a\r\n b\r\nfrom : c\r\n\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := dkim.Split(raw)
		found := Validate(t.Context(), lookup.New(z), m).Result
		fields, err := Seal(m, m, found, "mx.example; none", keys[0], when)
		if err != nil || found != None || len(m.Named("from")) == 0 {
			return
		}
		if got := validate(t, z, append(fields, raw...)); got.Result != Pass {
			t.Fatalf("%+v\n%q", got, fields)
		}
	})
}
