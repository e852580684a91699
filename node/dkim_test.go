package node

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	msgauth "github.com/emersion/go-msgauth/dkim"
	"github.com/emersion/go-smtp"

	"cairn/consensus/record"
	"cairn/mailstore/message"
	"cairn/mailstore/testenv"
	"cairn/node/api"
	"cairn/node/home"
)

// zone is a DNS of TXT records alone, by names with their final dots.
type zone struct {
	mu      sync.Mutex
	records map[string]string
	fails   error
}

func (z *zone) LookupTXT(_ context.Context, name string) ([]string, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.fails != nil {
		return nil, z.fails
	}
	if text, ok := z.records[name]; ok {
		return []string{text}, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

// publish puts the records of keys into the DNS.
func (z *zone) publish(keys ...api.DKIMKey) {
	z.mu.Lock()
	defer z.mu.Unlock()
	for _, k := range keys {
		z.records[k.Name+"."] = k.Record
	}
}

// toZone lets the node ask z.
func toZone(t *testing.T, z *zone) {
	t.Helper()
	was := resolver
	t.Cleanup(func() { resolver = was })
	resolver = z
}

// exchanger is a mail server outside, which keeps what it gets.
type exchanger struct{ texts chan []byte }

func (e *exchanger) NewSession(*smtp.Conn) (smtp.Session, error) { return e, nil }
func (e *exchanger) Mail(string, *smtp.MailOptions) error        { return nil }
func (e *exchanger) Rcpt(string, *smtp.RcptOptions) error        { return nil }
func (e *exchanger) Reset()                                      {}
func (e *exchanger) Logout() error                               { return nil }
func (e *exchanger) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	e.texts <- text
	return err
}

// listen has it listen on loopback.
func (e *exchanger) listen(t *testing.T) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := smtp.NewServer(e)
	s.Domain, s.ErrorLog = "mx1.example.net", slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() { s.Close(); <-served })
	return l.Addr().String()
}

// next is the next text that arrives.
func (e *exchanger) next(t *testing.T) []byte {
	t.Helper()
	select {
	case text := <-e.texts:
		return text
	case <-time.After(time.Minute):
		t.Fatal("no mail arrived outside")
		return nil
	}
}

// signedBy are the selectors of the signatures of a message that verify; each that does not is an
// error.
func signedBy(t *testing.T, z *zone, text []byte) (selectors []string) {
	t.Helper()
	var mu sync.Mutex // several are looked at at a time
	found, err := msgauth.VerifyWithOptions(bytes.NewReader(text), &msgauth.VerifyOptions{
		LookupTXT: func(name string) ([]string, error) {
			mu.Lock()
			defer mu.Unlock()
			selectors = append(selectors, strings.SplitN(name, ".", 2)[0])
			return z.LookupTXT(t.Context(), name+".")
		}, MaxVerifications: 4,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range found {
		if v.Err != nil || v.Domain != "example.org" {
			t.Errorf("%s: %v\n%s", v.Domain, v.Err, text)
		}
	}
	slices.Sort(selectors)
	return selectors
}

// outward is a node of example.org whose mail for example.net goes to an exchanger on loopback.
func outward(t *testing.T, change ...func(*Config)) (n *Node, end func(), z *zone, far *exchanger) {
	t.Helper()
	z, far = &zone{records: make(map[string]string)}, &exchanger{texts: make(chan []byte, 8)}
	toZone(t, z)
	toWorld(t, worldDNS{mx: map[string][]*net.MX{"example.net.": {{Host: "mx1.example.net.", Pref: 1}}}}, far.listen(t))
	n, end = begunOutward(t, change...)
	return n, end, z, far
}

// begunOutward is a node of example.org with an account of alice's.
func begunOutward(t *testing.T, change ...func(*Config)) (n *Node, end func()) {
	t.Helper()
	dir := filepath.Join(shortDir(t), "alpha")
	o := InitOptions{Dir: dir, Config: DefaultConfig("Alpha", []string{"example.org"}), Network: LocalNetwork("test"), Now: time.Now()}
	o.Network.IdentityStamp = 4
	if _, err := Init(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	quiet(t, dir, func(c *Config) {
		c.Mine = "10%"
		for _, f := range change {
			f(c)
		}
	})
	n, end = begun(t, dir)
	if _, err := n.AddAccount(t.Context(), api.AccountRequest{Name: "alice"}); err != nil {
		t.Fatal(err)
	}
	return n, end
}

// sendOut sends a mail of alice's to example.net.
func sendOut(t *testing.T, n *Node, raw string) *api.Sent {
	t.Helper()
	sent, err := n.Send(t.Context(), api.SendRequest{From: "alice@example.org", To: []string{"bob@example.net"}, Raw: []byte(raw)})
	if err != nil {
		t.Fatal(err)
	}
	return sent
}

const outText = "From: Alice <alice@example.org>\r\nTo: bob@example.net\r\nSubject: to the rest of the world\r\n\r\nHello  Bob,\r\nbye \r\n"

// TestDKIM: a node signs what leaves for the rest of the world once it sees the records of its keys
// in the DNS, with both; new keys take over when theirs are seen. Keys are in a backup.
func TestDKIM(t *testing.T) {
	n, end, z, far := outward(t)
	list := func() []api.DKIMKey {
		t.Helper()
		l, err := n.DKIM(t.Context(), "example.org")
		if err != nil {
			t.Fatal(err)
		}
		return l.Keys
	}
	states := func(want ...string) {
		t.Helper()
		var got []string
		for _, k := range list() {
			got = append(got, k.State)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("states %q, want %q", got, want)
		}
	}
	unsigned := func(want ...string) {
		t.Helper()
		s, err := n.Status(t.Context())
		if err != nil || !slices.Equal(s.Mail.Unsigned, want) {
			t.Errorf("unsigned %q, %v", s.Mail.Unsigned, err)
		}
	}
	first := list()
	states("waiting", "waiting")
	unsigned("example.org")
	sendOut(t, n, outText)
	if text := far.next(t); bytes.Contains(text, []byte("DKIM-Signature")) || !bytes.HasPrefix(text, []byte("Cairn-Record:")) {
		t.Errorf("without records:\n%s", text)
	}

	// One record that is damaged, and one that is well.
	z.publish(first...)
	z.mu.Lock()
	z.records[first[0].Name+"."] = first[0].Record[:40]
	z.mu.Unlock()
	if l := list(); l[0].Signs || !l[1].Signs || !strings.Contains(l[0].Fault, "another key") || l[1].Fault != "" {
		t.Errorf("%+v", l)
	}
	unsigned()
	sendOut(t, n, outText)
	if by := signedBy(t, z, far.next(t)); !slices.Equal(by, []string{first[1].Selector}) {
		t.Errorf("signed by %q", by)
	}

	z.publish(first...)
	states("signing", "signing")
	sent := sendOut(t, n, outText)
	text := far.next(t)
	if by := signedBy(t, z, text); len(by) != 2 {
		t.Errorf("signed by %q", by)
	}
	asRecorded(t, n, sent, text)
	verifiedByOthers(t, z, text)

	// A DNS that does not answer changes nothing.
	z.mu.Lock()
	z.fails = &net.DNSError{Err: "i/o timeout", IsTimeout: true}
	z.mu.Unlock()
	states("signing", "signing")
	z.mu.Lock()
	z.fails = nil
	z.mu.Unlock()

	if _, err := n.ReplaceDKIM(t.Context(), "example.com"); api.AsError(err).Code != api.CodeNotAllowed {
		t.Errorf("stolen, of another domain: %v", err)
	}
	made, err := n.RotateDKIM(t.Context(), "EXAMPLE.org")
	if err != nil || len(made.Keys) != 4 {
		t.Fatalf("%+v, %v", made, err)
	}
	if _, err := n.RotateDKIM(t.Context(), "example.org"); api.AsError(err).Code != api.CodeExists {
		t.Errorf("again: %v", err)
	}
	if _, err := n.RotateDKIM(t.Context(), "example.com"); api.AsError(err).Code != api.CodeNotAllowed {
		t.Errorf("of another domain: %v", err)
	}
	if _, err := n.DKIM(t.Context(), "example.com"); api.AsError(err).Code != api.CodeNotFound {
		t.Errorf("of another domain: %v", err)
	}
	sendOut(t, n, outText)
	if by := signedBy(t, z, far.next(t)); slices.Contains(by, made.Keys[0].Selector) || len(by) != 2 {
		t.Errorf("signed by %q", by)
	}
	z.publish(made.Keys...)
	l := list()
	signing := slices.DeleteFunc(slices.Clone(l), func(k api.DKIMKey) bool { return !k.Signs })
	if len(signing) != 2 || slices.ContainsFunc(signing, func(k api.DKIMKey) bool {
		return slices.ContainsFunc(first, func(f api.DKIMKey) bool { return f.Selector == k.Selector })
	}) {
		t.Errorf("%+v", l)
	}
	sendOut(t, n, outText)
	if by := signedBy(t, z, far.next(t)); len(by) != 2 || !slices.ContainsFunc(by, func(s string) bool { return s == signing[0].Selector }) {
		t.Errorf("signed by %q", by)
	}

	end()
	var backup bytes.Buffer
	if err := Backup(n.dir, api.BackupRequest{}, &backup); err != nil {
		t.Fatal(err)
	}
	restored := filepath.Join(shortDir(t), "restored")
	work := must(home.Begin(restored))
	defer work.Abandon()
	if _, _, err := work.Restore(&backup, BackupFacts, time.Now(), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	was, is := must(os.ReadFile(filepath.Join(n.dir, home.DKIMKeys))), must(os.ReadFile(filepath.Join(restored, home.DKIMKeys)))
	if !bytes.Equal(was, is) || must(os.Stat(filepath.Join(restored, home.DKIMKeys))).Mode().Perm() != 0o600 {
		t.Error("the keys are not in the backup as they were")
	}
}

// TestEightBitOutward: mail that leaves for the rest of the world and to accounts here is encoded
// for all before it is recorded, and is as recorded with all.
func TestEightBitOutward(t *testing.T) {
	n, _, z, far := outward(t)
	keys, err := n.DKIM(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	z.publish(keys.Keys...)
	if _, err := n.DKIM(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	raw := "From: Jürgen <alice@example.org>\r\nTo: Bob <bob@example.net>,\r\n Älice <alice@example.org>\r\nSubject: Grüße\r\nMIME-Version: 1.0\r\n" +
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nschöne Grüße, " +
		strings.Repeat("und viele ", 120) + "\r\n--b\r\nContent-Type: application/x-data\r\nContent-Disposition: attachment; filename=\"größe.dat\"\r\n\r\n\xff\xfe\r\n--b--\r\n"
	sent, err := n.Send(t.Context(), api.SendRequest{From: "alice@example.org", To: []string{"bob@example.net", "alice@example.org"}, Raw: []byte(raw)})
	if err != nil {
		t.Fatal(err)
	}
	text := far.next(t)
	if i := slices.IndexFunc(text, func(c byte) bool { return c >= 0x80 }); i >= 0 {
		t.Errorf("octets beyond ASCII: %q", text[i:])
	}
	asRecorded(t, n, sent, text)
	if by := signedBy(t, z, text); len(by) != 2 {
		t.Errorf("signed by %q", by)
	}
	m := message.Parse(text)
	if m.Subject != "Grüße" || m.From[0].Name != "Jürgen" || !strings.HasPrefix(m.Text, "schöne Grüße, und") || len(m.Attachments) != 1 || m.Attachments[0].Name != "größe.dat" {
		t.Errorf("%q, %v, %q, %v", m.Subject, m.From, m.Text, m.Attachments)
	}
	var here *api.SearchResult
	await(t, n, "the copy here to be verified", func() bool {
		here, err = n.Search(t.Context(), api.SearchRequest{Query: "subject:Grüße label:inbox", Limit: 5})
		return err == nil && len(here.Messages) == 1 && here.Messages[0].Verdict == string(record.Verified)
	})
}

// asRecorded holds what arrived outside to the record: the signature is no part of it.
func asRecorded(t *testing.T, n *Node, sent *api.Sent, text []byte) {
	t.Helper()
	token, found, err := record.FindToken(text)
	if err != nil || !found {
		t.Fatalf("no token: %v\n%s", err, text)
	}
	c := record.Compare(token, message.Dissect(text, []string{"bob@example.net"}), record.Context{})
	if !c.AllSame() {
		t.Errorf("not as recorded:\n%+v", c)
	}
}

// python is Debian's, which finds the modules of other packages there.
const python = "/usr/bin/python3"

// verifiedByOthers has dkimpy and OpenDKIM look at a message with two signatures.
func verifiedByOthers(t *testing.T, z *zone, text []byte) {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	mail, records := write("mail", text), must(json.Marshal(z.records))
	if testenv.Runs(t, python, "-c", "import dkim, nacl") {
		const look = `import dkim, json, sys
zone = json.load(open(sys.argv[1]))
look = lambda name, timeout=5: zone[name.decode()].encode()
mail = dkim.DKIM(open(sys.argv[2], "rb").read())
sys.exit(0 if all(mail.verify(idx=i, dnsfunc=look) for i in range(2)) else 1)`
		if out, err := exec.Command(python, "-c", look, write("zone.json", records), mail).CombinedOutput(); err != nil {
			t.Errorf("dkimpy: %v: %s", err, out)
		}
	}
	const opendkim = "/usr/sbin/opendkim"
	if testenv.Runs(t, opendkim, "-V") {
		var lines strings.Builder
		for name, record := range z.records {
			lines.WriteString(strings.TrimSuffix(name, ".") + " " + record + "\n")
		}
		config := write("opendkim.conf", []byte("Mode v\nSyslog no\nTestDNSData file:"+write("zone", []byte(lines.String()))+"\n"))
		out, err := exec.Command(opendkim, "-x", config, "-t", mail, "-vv").CombinedOutput()
		if err != nil || bytes.Count(out, []byte("dkim=pass")) != 2 {
			t.Errorf("opendkim: %v: %s", err, out)
		}
	}
}

// TestDKIMKeysThatAreDamaged: a file that says nothing is told of before mail leaves without its
// signature, by the node and by its check.
func TestDKIMKeysThatAreDamaged(t *testing.T) {
	dir, _ := founder(t, "Alpha", "alpha.test")
	path := filepath.Join(dir, home.DKIMKeys)
	if err := os.WriteFile(path, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), dir, nil)
	if e := api.AsError(err); !strings.Contains(e.Message, path+" is damaged") || !strings.Contains(e.Hint, "the node makes other keys") {
		t.Errorf("%s\n%s", e.Message, e.Hint)
	}
	parts, err := Check(t.Context(), dir, CheckOptions{Now: time.Now(), Progress: func(string, uint64, uint64) {}})
	if err != nil || !slices.ContainsFunc(parts, func(p Checked) bool { return p.Part == home.DKIMKeys && p.State == CheckDamaged }) {
		t.Errorf("check: %+v, %v", parts, err)
	}
}

// TestDKIMOutsideTheDNS: of names that are kept out of the DNS there are no keys, nor where no mail
// leaves.
func TestDKIMOutsideTheDNS(t *testing.T) {
	dir, _ := founder(t, "Alpha", "alpha.test")
	quiet(t, dir, nil)
	n := open(t, dir)
	for _, why := range []string{"RFC 6761", "outbound.via"} {
		l, err := n.DKIM(t.Context(), "")
		if err != nil || len(l.Keys) != 0 || !slices.Equal(l.Without, []string{"alpha.test"}) || !strings.Contains(l.Why, why) {
			t.Errorf("%+v, %v", l, err)
		}
		if _, err := n.DKIM(t.Context(), "alpha.test"); api.AsError(err).Code != api.CodeNotFound || !strings.Contains(err.Error(), why) {
			t.Errorf("%v", err)
		}
		n.outside = nil
	}
	if fileExists(filepath.Join(dir, home.DKIMKeys)) {
		t.Error("keys were made")
	}
}
