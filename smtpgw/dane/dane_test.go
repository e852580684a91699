package dane

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"math/big"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"cairn/mailstore/testenv"
)

var now = time.Now()

// issued is a certificate and its key.
type issued struct {
	*x509.Certificate
	key *ecdsa.PrivateKey
}

// issue makes a certificate as in like, by its own key or that of by.
func issue(t testing.TB, by *issued, like x509.Certificate) issued {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	like.SerialNumber, like.NotBefore, like.BasicConstraintsValid = big.NewInt(now.UnixNano()), now.Add(-48*time.Hour), true
	if like.NotAfter.IsZero() {
		like.NotAfter = now.Add(time.Hour)
	}
	parent, signer := &like, crypto.Signer(key)
	if by != nil {
		parent, signer = by.Certificate, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, &like, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	keyOf[string(c.RawSubjectPublicKeyInfo)] = key
	return issued{c, key}
}

// keyOf has the keys of certificates that were issued, by their public keys.
var keyOf = make(map[string]*ecdsa.PrivateKey)

// record is one of a certificate.
func record(u Usage, s Selector, m Matching, c issued) Record {
	of := c.Raw
	if s == PublicKey {
		of = c.RawSubjectPublicKeyInfo
	}
	switch m {
	case SHA256:
		sum := sha256.Sum256(of)
		of = sum[:]
	case SHA512:
		sum := sha512.Sum512(of)
		of = sum[:]
	}
	return Record{u, s, m, of}
}

type party struct{ root, ca, leaf, other, old, nameless, bare issued }

func parties(t testing.TB) (p party) {
	ca := x509.Certificate{IsCA: true, KeyUsage: x509.KeyUsageCertSign}
	ca.Subject.CommonName = "root"
	p.root = issue(t, nil, ca)
	ca.Subject.CommonName = "between"
	p.ca = issue(t, &p.root, ca)
	mx := []string{"mx.example.org"}
	p.leaf = issue(t, &p.ca, x509.Certificate{DNSNames: mx})
	p.other = issue(t, &p.ca, x509.Certificate{DNSNames: []string{"mx.example.com"}})
	p.old = issue(t, &p.ca, x509.Certificate{DNSNames: mx, NotAfter: now.Add(-time.Hour)})
	p.nameless = issue(t, &p.ca, x509.Certificate{Subject: pkix.Name{CommonName: "mx.example.org"}})
	p.bare = issue(t, nil, x509.Certificate{DNSNames: []string{"elsewhere.example"}})
	return p
}

func chain(of ...issued) (list []*x509.Certificate) {
	for _, c := range of {
		list = append(list, c.Certificate)
	}
	return list
}

type sample struct {
	name    string
	records []Record
	chain   []*x509.Certificate
	want    error
	ours    bool // openssl sees it otherwise, or is not asked
}

func samples(t *testing.T) []sample {
	p := parties(t)
	full := chain(p.leaf, p.ca, p.root)
	ee := func(c issued) Record { return record(DANEEE, PublicKey, SHA256, c) }
	flipped := record(DANEEE, PublicKey, SHA512, p.leaf)
	flipped.Data = append([]byte(nil), flipped.Data...)
	flipped.Data[0] ^= 1
	return []sample{
		{"the key", []Record{ee(p.leaf)}, full, nil, false},
		{"the key, of a certificate for another name, past its time, of its own making", []Record{ee(p.bare)}, chain(p.bare), nil, false},
		{"the key, of an old certificate", []Record{ee(p.old)}, chain(p.old), nil, false},
		{"the certificate in full", []Record{record(DANEEE, WholeCertificate, Full, p.leaf)}, chain(p.leaf), nil, false},
		{"the key in full", []Record{record(DANEEE, PublicKey, Full, p.leaf)}, chain(p.leaf), nil, false},
		{"the certificate by SHA-512", []Record{record(DANEEE, WholeCertificate, SHA512, p.leaf)}, chain(p.leaf), nil, false},
		{"another key", []Record{ee(p.other)}, full, ErrNoMatch, false},
		{"the key of the authority as that of the server", []Record{ee(p.ca)}, full, ErrNoMatch, false},
		{"one of two keys, as when they change", []Record{ee(p.other), ee(p.leaf)}, full, nil, false},
		{"the stronger digest counts", []Record{ee(p.leaf), flipped}, full, ErrNoMatch, false},
		{"the stronger digest is right", []Record{ee(p.other), record(DANEEE, PublicKey, SHA512, p.leaf)}, full, nil, false},
		{"a stronger digest of something else", []Record{ee(p.leaf), record(DANEEE, WholeCertificate, SHA512, p.other)}, full, nil, false},
		{"an authority", []Record{record(DANETA, PublicKey, SHA256, p.ca)}, full, nil, false},
		{"an authority by its certificate", []Record{record(DANETA, WholeCertificate, SHA256, p.root)}, full, nil, false},
		{"an authority that is not shown", []Record{record(DANETA, PublicKey, SHA256, p.root)}, chain(p.leaf, p.ca), ErrNoMatch, false},
		{"an authority that the record has in full", []Record{record(DANETA, WholeCertificate, Full, p.root)}, chain(p.leaf, p.ca), nil, false},
		{"an authority whose key the record has in full", []Record{record(DANETA, PublicKey, Full, p.root)}, chain(p.leaf, p.ca), nil, false},
		{"an authority whose key has signed the leaf", []Record{record(DANETA, PublicKey, Full, p.ca)}, chain(p.leaf), nil, false},
		{"an authority, for another name", []Record{record(DANETA, PublicKey, SHA256, p.ca)}, chain(p.other, p.ca), ErrName, false},
		{"an authority, past its time", []Record{record(DANETA, PublicKey, SHA256, p.ca)}, chain(p.old, p.ca), ErrChain, false},
		{"an authority, and the name in the subject", []Record{record(DANETA, PublicKey, SHA256, p.ca)}, chain(p.nameless, p.ca), nil, false},
		{"an authority that has not signed", []Record{record(DANETA, PublicKey, SHA256, p.bare)}, chain(p.leaf, p.bare), ErrChain, false},
		{"the leaf as its authority", []Record{record(DANETA, PublicKey, SHA256, p.leaf)}, full, ErrNoMatch, false},
		{"an authority or a key", []Record{record(DANETA, PublicKey, SHA256, p.bare), ee(p.leaf)}, full, nil, false},
		{"no certificate", []Record{ee(p.leaf)}, nil, ErrNoCertificate, true},
		{"PKIX beside a key", []Record{record(PKIXEE, PublicKey, SHA256, p.other), ee(p.leaf)}, full, nil, true},
		{"PKIX that fits beside another key", []Record{record(PKIXEE, PublicKey, SHA256, p.leaf), ee(p.other)}, full, ErrNoMatch, true},
		{"only PKIX", []Record{record(PKIXTA, PublicKey, SHA256, p.other)}, full, nil, true},
		{"only what is unknown", []Record{{DANEEE, 7, SHA256, make([]byte, 32)}, {DANEEE, 1, 9, make([]byte, 32)}, {4, 1, 1, make([]byte, 32)}}, full, nil, true},
		{"a digest of the wrong length", []Record{{DANEEE, PublicKey, SHA256, make([]byte, 31)}}, full, nil, true},
		{"a wrong digest of the wrong length beside a key", []Record{{DANEEE, PublicKey, SHA512, make([]byte, 63)}, ee(p.leaf)}, full, nil, true},
	}
}

func TestVerify(t *testing.T) {
	for _, tt := range samples(t) {
		t.Run(tt.name, func(t *testing.T) {
			err := Verify(tt.records, tt.chain, []string{"mx.example.org", "example.org"}, now)
			if !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
				t.Errorf("%v, want %v", err, tt.want)
			}
		})
	}
	if Authenticates([]Record{{PKIXTA, PublicKey, SHA256, make([]byte, 32)}}) || !Authenticates([]Record{{DANEEE, PublicKey, SHA256, make([]byte, 32)}}) {
		t.Error("which sets authenticate")
	}
}

// TestNames: what a certificate of an authority may be for.
func TestNames(t *testing.T) {
	p := parties(t)
	wild := issue(t, &p.ca, x509.Certificate{DNSNames: []string{"*.example.org"}, Subject: pkix.Name{CommonName: "mx.example.com"}})
	for names, want := range map[string]bool{"mx.example.org": true, "a.example.org": true, "example.org": false, "a.b.example.org": false, "mx.example.com": false, "": false, "x mx.example.org": true} {
		if err := Verify([]Record{record(DANETA, PublicKey, SHA256, p.ca)}, chain(wild, p.ca), strings.Fields(names), now); (err == nil) != want {
			t.Errorf("%q: %v", names, err)
		}
	}
}

// TestOpenSSL holds the samples to what openssl makes of them.
func TestOpenSSL(t *testing.T) {
	openssl := testenv.Program(t, "openssl", "openssl")
	for _, tt := range samples(t) {
		if tt.ours {
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			if got := asks(t, openssl, tt); got != (tt.want == nil) {
				t.Errorf("openssl says %v", got)
			}
		})
	}
}

// asks reports whether openssl takes a server that shows the chain of a sample.
func asks(t *testing.T, openssl string, tt sample) bool {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	shown := tls.Certificate{PrivateKey: keyOf[string(tt.chain[0].RawSubjectPublicKeyInfo)]}
	for _, c := range tt.chain {
		shown.Certificate = append(shown.Certificate, c.Raw)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		tls.Server(c, &tls.Config{Certificates: []tls.Certificate{shown}}).HandshakeContext(t.Context())
	}()
	args := []string{"s_client", "-connect", l.Addr().String(), "-verify_return_error", "-dane_ee_no_namechecks", "-dane_tlsa_domain", "mx.example.org"}
	for _, r := range tt.records {
		args = append(args, "-dane_tlsa_rrdata", r.String())
	}
	out, err := exec.CommandContext(t.Context(), openssl, args...).CombinedOutput()
	l.Close()
	<-served
	ok := strings.Contains(string(out), "Verification: OK")
	t.Logf("%v: %.200s", err, lastLines(string(out)))
	return ok
}

func lastLines(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], " | ")
}

func FuzzParse(f *testing.F) {
	p := parties(f)
	shown := chain(p.leaf, p.ca, p.root)
	f.Add([]byte{3, 1, 1, 0})
	f.Add([]byte{2, 1, 0, 0x30, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Parse(b)
		if err != nil {
			return
		}
		if err := Verify([]Record{r}, shown, []string{"mx.example.org"}, now); err == nil && r.Usable() {
			t.Errorf("%s authenticates", r)
		}
		if again := r.String(); !strings.HasSuffix(again, hex.EncodeToString(b[3:])) {
			t.Errorf("%q", again)
		}
	})
}
