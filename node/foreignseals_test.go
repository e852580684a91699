package node

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"cairn/node/api"
	"cairn/smtpgw/lists"
)

// Python's dkim signs a message as its author's domain and seals it as the next server, and finds
// out whether the author's signature and the chain of so many seals hold.
const (
	sealScript = `import dkim, sys
key, raw = open(sys.argv[1], "rb").read(), open(sys.argv[2], "rb").read()
raw = dkim.sign(raw, b"s1", b"example.com", key, include_headers=[b"from", b"to", b"subject", b"date", b"message-id"]) + raw
raw = b"Authentication-Results: mx.example.com; dkim=pass header.d=example.com\r\n" + raw
sys.stdout.buffer.write(b"".join(dkim.arc_sign(raw, b"s1", b"example.com", key, b"mx.example.com")) + raw)`
	chainScript = `import dkim, json, sys
zone, raw, seals = json.load(open(sys.argv[1])), open(sys.argv[2], "rb").read(), int(sys.argv[3])
look = lambda name, timeout=5: zone[name.decode().rstrip(".") + "."].encode()
cv, results, reason = dkim.arc_verify(raw, dnsfunc=look)
signed = dkim.DKIM(raw).verify(dnsfunc=look)
print(cv, reason, len(results), signed)
sys.exit(0 if cv == (b"pass" if seals else b"none") and len(results) == seals and signed else 1)`
)

// TestForeignSeals: mail that others have signed and sealed goes on under one seal more, and they
// find the signature and all seals whole; so they find the signature of what a list here sends on
// that adds nothing.
func TestForeignSeals(t *testing.T) {
	python := foreignVerifier(t, "/usr/bin/python3", "-c", "import dkim, nacl, authres")
	if python == "" {
		t.Skip("python3-dkim, python3-nacl and python3-authres are not installed")
	}
	n, end, z, far := outward(t, func(c *Config) { c.Inbound.Listen = "127.0.0.1:0" })
	defer end()
	keys := must(n.DKIM(t.Context(), ""))
	z.publish(keys.Keys...)
	must(n.DKIM(t.Context(), ""))
	must(n.AddAccount(t.Context(), api.AccountRequest{Name: "bob"}))
	must(n.AddForward(t.Context(), api.ForwardRequest{Account: "bob", Address: "bob@example.net"}))

	key := must(rsa.GenerateKey(rand.Reader, 2048))
	public := must(x509.MarshalPKIXPublicKey(key.Public()))
	z.mu.Lock()
	z.records["s1._domainkey.example.com."] = "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(public)
	z.mu.Unlock()
	dir := t.TempDir()
	file := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pemFile := file("key.pem", pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	sealedMail := func(to, id string) []byte {
		t.Helper()
		raw := "From: Ann <ann@example.com>\r\nTo: " + to + "@example.org\r\nSubject: sealed  before\r\nDate: Sat, 28 Nov 2026 12:00:00 +0000\r\n" +
			"Message-ID: <" + id + "@example.com>\r\n\r\nHello  there \r\n.\r\n\r\n"
		var said bytes.Buffer
		sign := exec.Command(python, "-c", sealScript, pemFile, file("mail", []byte(raw)))
		sign.Stderr = &said
		sealed, err := sign.Output()
		if err != nil {
			t.Fatalf("%v: %s", err, said.String())
		}
		return sealed
	}
	sound := func(text []byte, seals string) error {
		t.Helper()
		z.mu.Lock()
		records := must(json.Marshal(z.records))
		z.mu.Unlock()
		out, err := exec.Command(python, "-c", chainScript, file("zone.json", records), file("mail", text), seals).CombinedOutput()
		if err != nil {
			return fmt.Errorf("dkimpy: %w: %s\n%s", err, out, text)
		}
		return nil
	}
	owner := "alice@example.org"
	must(n.PutHostedList(t.Context(), api.HostedListRequest{Address: "devs@example.org", Owner: &owner, Post: new("anyone")}))
	must(n.Join(t.Context(), api.MembersRequest{Address: "devs@example.org", Members: []string{owner, "bob@example.net"}}))
	for i, c := range []struct{ to, seals string }{{"bob", "2"}, {"bob", "1"}, {"devs", "0"}} {
		brought := sealedMail(c.to, fmt.Sprint(i))
		if c.seals != "2" {
			brought = brought[bytes.Index(brought, []byte("DKIM-Signature:")):]
		}
		if err := bring(n.InboundAddr(), "ann@example.com", c.to+"@example.org", brought); err != nil {
			t.Fatal(err)
		}
		if c.to == "devs" { // what has no record waits for somebody to approve it
			var found *api.SearchResult
			await(t, n, "the post to be held", func() bool {
				found = must(n.Search(t.Context(), api.SearchRequest{Query: "label:held"}))
				return len(found.Messages) == 1
			})
			must(n.SetLabels(t.Context(), api.LabelRequest{Ref: found.Messages[0].Ref, Add: []string{lists.LabelApproved}}))
		}
		text := far.next(t)
		if c.to == "devs" != bytes.Contains(text, []byte("List-Id:")) || !bytes.HasSuffix(text, []byte("\r\n\r\nHello  there \r\n.\r\n\r\n")) {
			t.Errorf("what goes on is not what came:\n%s", text)
		}
		if err := sound(text, c.seals); err != nil {
			t.Error(err)
		}
		if sound(bytes.Replace(text, []byte("Hello  there"), []byte("Hello, there"), 1), c.seals) == nil {
			t.Errorf("dkimpy finds it whole when it is not, with %s seals", c.seals)
		}
	}
}
