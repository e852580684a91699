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
	"slices"
	"strings"
	"testing"

	"cairn/mailstore/testenv"
	"cairn/node/api"
	"cairn/smtpgw/lists"
)

// Python's dkim signs a message as its author's domain and seals it as the next server, and finds
// out which signatures hold, and what of the chain of seals.
const (
	sealScript = `import dkim, sys
key, raw = open(sys.argv[1], "rb").read(), open(sys.argv[2], "rb").read()
raw = dkim.sign(raw, b"s1", b"example.com", key, include_headers=[b"from", b"to", b"subject", b"date", b"message-id"]) + raw
raw = b"Authentication-Results: mx.example.com; dkim=pass header.d=example.com\r\n" + raw
sys.stdout.buffer.write(b"".join(dkim.arc_sign(raw, b"s1", b"example.com", key, b"mx.example.com")) + raw)`
	chainScript = `import dkim, json, sys
zone, raw = json.load(open(sys.argv[1])), open(sys.argv[2], "rb").read()
look = lambda name, timeout=5: zone[name.decode().rstrip(".") + "."].encode()
cv, results, reason = dkim.arc_verify(raw, dnsfunc=look)
signed, n = [], sum(name.lower() == b"dkim-signature" for name, _ in dkim.DKIM(raw).headers)
for i in range(n):
    d = dkim.DKIM(raw)
    try:
        holds = d.verify(idx=i, dnsfunc=look)
    except dkim.ValidationError:
        holds = False
    signed.append(d.domain.decode() + (" holds" if holds else " fails"))
print(json.dumps({"chain": (cv or b"fail").decode(), "seals": len(results) if cv != b"none" else 0, "signed": signed, "reason": str(reason)}))`
)

// foreignSeals has Python's dkim, and the key of example.com, whose record is in z.
type foreignSeals struct {
	t        *testing.T
	z        *zone
	key, dir string
}

func newForeignSeals(t *testing.T, z *zone) *foreignSeals {
	t.Helper()
	f := &foreignSeals{t: t, z: z, dir: t.TempDir()}
	if err := exec.Command(python, "-c", "import dkim, nacl, authres").Run(); err != nil {
		testenv.Lacking(t, "python3-dkim, python3-nacl and python3-authres are not installed: %v", err)
	}
	key := must(rsa.GenerateKey(rand.Reader, 2048))
	public := must(x509.MarshalPKIXPublicKey(key.Public()))
	z.mu.Lock()
	z.records["s1._domainkey.example.com."] = "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(public)
	z.mu.Unlock()
	f.key = f.file("key.pem", pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	return f
}

func (f *foreignSeals) file(name string, text []byte) string {
	f.t.Helper()
	path := filepath.Join(f.dir, name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		f.t.Fatal(err)
	}
	return path
}

// mail is one of Ann's, signed and sealed.
func (f *foreignSeals) mail(to, id string) []byte {
	f.t.Helper()
	raw := "From: Ann <ann@example.com>\r\nTo: " + to + "@example.org\r\nSubject: sealed  before\r\nDate: Sat, 28 Nov 2026 12:00:00 +0000\r\n" +
		"Message-ID: <" + id + "@example.com>\r\n\r\nHello  there \r\n.\r\n\r\n"
	var said bytes.Buffer
	sign := exec.Command(python, "-c", sealScript, f.key, f.file("mail", []byte(raw)))
	sign.Stderr = &said
	sealed, err := sign.Output()
	if err != nil {
		f.t.Fatalf("%v: %s", err, said.String())
	}
	return sealed
}

// unsealed is a mail of Ann's without its seal.
func unsealed(mail []byte) []byte { return mail[bytes.Index(mail, []byte("DKIM-Signature:")):] }

// seen is what Python's dkim finds of a message.
type seen struct {
	Chain  string   `json:"chain"`
	Seals  int      `json:"seals"`
	Signed []string `json:"signed"` // from the top
	Reason string   `json:"reason"`
}

func (f *foreignSeals) look(text []byte) (s seen) {
	f.t.Helper()
	f.z.mu.Lock()
	records := must(json.Marshal(f.z.records))
	f.z.mu.Unlock()
	var said bytes.Buffer
	verify := exec.Command(python, "-c", chainScript, f.file("zone.json", records), f.file("mail", text))
	verify.Stderr = &said
	out, err := verify.Output()
	if err == nil {
		err = json.Unmarshal(out, &s)
	}
	if err != nil {
		f.t.Fatalf("dkimpy: %v: %s\n%s", err, said.String(), text)
	}
	return s
}

// sound reports whether so many seals hold, and all signatures.
func (f *foreignSeals) sound(text []byte, seals int) error {
	f.t.Helper()
	s := f.look(text)
	want := "pass"
	if seals == 0 {
		want = "none"
	}
	if s.Chain != want || s.Seals != seals || len(s.Signed) == 0 || slices.ContainsFunc(s.Signed, func(by string) bool { return strings.HasSuffix(by, " fails") }) {
		return fmt.Errorf("dkimpy finds %+v, want %d seals\n%s", s, seals, text)
	}
	return nil
}

// TestForeignSeals: mail that others have signed and sealed goes on under one seal more, and they
// find the signature and all seals whole.
func TestForeignSeals(t *testing.T) {
	n, end, z, far := outward(t, func(c *Config) { c.Inbound.Listen = "127.0.0.1:0" })
	defer end()
	keys := must(n.DKIM(t.Context(), ""))
	z.publish(keys.Keys...)
	must(n.DKIM(t.Context(), ""))
	foreign := newForeignSeals(t, z)
	must(n.AddAccount(t.Context(), api.AccountRequest{Name: "bob"}))
	must(n.AddForward(t.Context(), api.ForwardRequest{Account: "bob", Address: "bob@example.net"}))
	for _, seals := range []int{2, 1} {
		brought := foreign.mail("bob", fmt.Sprint(seals))
		if seals == 1 {
			brought = unsealed(brought)
		}
		if err := bring(n.InboundAddr(), "ann@example.com", "bob@example.org", brought); err != nil {
			t.Fatal(err)
		}
		text := far.next(t)
		if !bytes.HasSuffix(text, []byte("\r\n\r\nHello  there \r\n.\r\n\r\n")) {
			t.Errorf("what goes on is not what came:\n%s", text)
		}
		if err := foreign.sound(text, seals); err != nil {
			t.Error(err)
		}
		if foreign.sound(bytes.Replace(text, []byte("Hello  there"), []byte("Hello, there"), 1), seals) == nil {
			t.Errorf("dkimpy finds it whole when it is not, with %d seals", seals)
		}
	}
}

// TestForeignListSeals: what a list here sends on leaves with the signature of the list's domain
// and under one seal more, and others find both whole, also where the list changes the post and so
// breaks the author's own signature. The seal says what this node found of the post as it came. Of
// who only says that he is of the list's domain nothing is signed.
func TestForeignListSeals(t *testing.T) {
	n, end, z, far := outward(t, func(c *Config) { c.Inbound.Listen = "127.0.0.1:0" })
	defer end()
	keys := must(n.DKIM(t.Context(), ""))
	z.publish(keys.Keys...)
	must(n.DKIM(t.Context(), ""))
	foreign := newForeignSeals(t, z)
	owner := "alice@example.org"
	for name, tag := range map[string]string{"devs": "", "marked": "marked"} {
		footer := ""
		if tag != "" {
			footer = "the list of those who are marked"
		}
		must(n.PutHostedList(t.Context(), api.HostedListRequest{Address: name + "@example.org", Owner: &owner, Post: new("anyone"), Tag: &tag, Footer: &footer}))
		must(n.Join(t.Context(), api.MembersRequest{Address: name + "@example.org", Members: []string{"bob@example.net"}}))
	}
	const ours, authors, broken = "example.org holds", "example.com holds", "example.com fails"
	sealed := foreign.mail("devs", "1")
	changed := bytes.Replace(sealed, []byte("Hello  there"), []byte("Hello, there"), 1)
	var long bytes.Buffer
	for i := range 51 {
		fmt.Fprintf(&long, "ARC-Seal: i=%d; cv=none; a=rsa-sha256; d=example.com; s=s1; b=eA==\r\nARC-Message-Signature: i=%[1]d\r\nARC-Authentication-Results: i=%[1]d; x\r\n", i+1)
	}
	forged := []byte("From: Alice <alice@example.org>\r\nTo: devs@example.org\r\nSubject: forged\r\nDate: Sat, 28 Nov 2026 12:00:00 +0000\r\nMessage-ID: <f@example.com>\r\n\r\nHello\r\n")
	for _, c := range []struct {
		name, to string
		brought  []byte // nil: Alice sends it here
		seals    int    // as our own counts them
		cv       string
		chain    string
		signed   []string
		says     string // our results, of the post as it came
	}{
		{"of a member here", "devs", nil, 1, "none", "pass", []string{ours, ours}, "x-cairn="},
		{"signed", "devs", unsealed(sealed), 1, "none", "pass", []string{ours, ours, authors}, "dkim=pass"},
		{"signed and sealed", "devs", sealed, 2, "pass", "pass", []string{ours, ours, authors}, "dkim=pass"},
		{"signed and sealed, and changed here", "marked", sealed, 2, "pass", "pass", []string{ours, ours, broken}, "dkim=pass"},
		{"changed on its way", "devs", changed, 2, "fail", "fail", []string{ours, ours, broken}, "dkim=fail"},
		{"a chain over its bound", "devs", append(long.Bytes(), unsealed(sealed)...), 0, "", "fail", []string{ours, ours, authors}, ""},
		{"by who says that he is of the list's domain", "devs", forged, 1, "none", "pass", nil, "x-cairn="},
	} {
		if c.brought == nil {
			must(n.Send(t.Context(), api.SendRequest{From: owner, To: []string{"devs@example.org"}, Raw: []byte("From: alice@example.org\r\nTo: devs@example.org\r\nSubject: hello\r\n\r\nHello\r\n")}))
		} else {
			if err := bring(n.InboundAddr(), "ann@example.com", c.to+"@example.org", c.brought); err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			var found *api.SearchResult // what has no record waits for somebody to approve it
			await(t, n, "the post to be held", func() bool {
				found = must(n.Search(t.Context(), api.SearchRequest{Query: "label:held"}))
				return len(found.Messages) == 1
			})
			must(n.SetLabels(t.Context(), api.LabelRequest{Ref: found.Messages[0].Ref, Add: []string{lists.LabelApproved}}))
		}
		text := far.next(t)
		unfolded := strings.NewReplacer("\r\n\t", " ", "\r\n ", " ").Replace(string(text))
		s := foreign.look(text)
		if s.Chain != c.chain || c.chain == "pass" && s.Seals != c.seals || !slices.Equal(s.Signed, c.signed) {
			t.Errorf("%s: dkimpy finds %+v, want %s of %d and %q\n%s", c.name, s, c.chain, c.seals, c.signed, text)
		}
		ownSeal, results := fmt.Sprintf("ARC-Seal: i=%d; a=rsa-sha256; cv=%s; d=example.org;", c.seals, c.cv), fmt.Sprintf("ARC-Authentication-Results: i=%d; %s;", c.seals, n.cfg.Hostname)
		_, said, _ := strings.Cut(unfolded, results)
		said, _, _ = strings.Cut(said, "\r\n")
		if sealed := strings.Contains(unfolded, ownSeal); sealed != (c.seals > 0) || sealed && !strings.Contains(said, c.says) {
			t.Errorf("%s: want %q, %q with %q\n%s", c.name, ownSeal, results, c.says, text)
		}
		id := []byte("List-Id: <" + c.to + ".example.org>\r\n")
		if bytes.Count(text, id) != 1 {
			t.Errorf("%s: it has not %q\n%s", c.name, id, text)
		}
		s = foreign.look(bytes.Replace(text, id, []byte("List-Id: <other.example.org>\r\n"), 1))
		if slices.Contains(s.Signed, ours) || s.Chain == "pass" {
			t.Errorf("%s, with another List-Id: dkimpy finds %+v", c.name, s)
		}
	}
}
