package readers

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
)

func ownBases(t testing.TB) []Base {
	t.Helper()
	bases, err := Bases()
	if err != nil {
		t.Fatal(err)
	}
	if len(bases) < 20 {
		t.Fatalf("only %d bases", len(bases))
	}
	return bases
}

func generator(t *testing.T, seed uint64) *Generator {
	t.Helper()
	g, err := NewGenerator(seed, ownBases(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestGeneratorRepeats: a finding is reproduced by its seed and number, in any order.
func TestGeneratorRepeats(t *testing.T) {
	a, b, other := generator(t, 7), generator(t, 7), generator(t, 8)
	same := 0
	for n := range 500 {
		p := a.Pair(n)
		if q := b.Pair(499 - n); q.Number != 499-n {
			t.Fatalf("pair %d says it is %d", 499-n, q.Number)
		}
		if q := b.Pair(n); !bytes.Equal(p.Sent, q.Sent) || !bytes.Equal(p.Received, q.Received) ||
			!slices.Equal(p.Mutations, q.Mutations) {
			t.Fatalf("pair %d is another the second time: %v, %v", n, p.Mutations, q.Mutations)
		}
		if len(p.Mutations) == 0 || bytes.Equal(p.Sent, p.Received) && len(p.Mutations) == 1 {
			t.Errorf("pair %d: nothing was done to %s", n, p.Base)
		}
		if bytes.Equal(p.Received, other.Pair(n).Received) {
			same++
		}
	}
	if same > 50 {
		t.Errorf("%d of 500 pairs are the same with another seed", same)
	}
}

// TestMutationsOfOddMail: a mail that is odd already, as mutations leave it, is one that a mutation
// changes or passes over.
func TestMutationsOfOddMail(t *testing.T) {
	for _, raw := range []string{
		"\r\n", "\r\n\r\n", "x", "x\r\n\r\nx", ":\r\n\r\n", ": x\r\n\r\n", "a:\r\n\r\n", "a:", " x\r\n\r\n", "junk\r\na: b\r\n\r\n",
		"From:\r\nTo:\r\nSubject:\r\nDate:\r\nContent-Type:\r\nContent-Disposition:\r\nContent-Transfer-Encoding:\r\n\r\n",
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n", "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n--b--",
		"Content-Type: text/plain;\r\n charset\r\nContent-Transfer-Encoding: base64\r\n\r\n=",
	} {
		for _, f := range families() {
			for _, m := range f.list {
				for seed := range uint64(4) {
					m.apply(dice{rand.New(rand.NewPCG(seed, 1))}, []byte(raw))
				}
			}
		}
	}
}

// TestEveryMutation holds that each trick has a name of its own and finds a mail to be tried on.
func TestEveryMutation(t *testing.T) {
	bases := ownBases(t)
	d := dice{rand.New(rand.NewPCG(1, 1))}
	seen := map[string]bool{}
	for _, f := range families() {
		for _, m := range f.list {
			name := f.name + "/" + m.name
			if seen[name] {
				t.Errorf("two mutations are named %s", name)
			}
			seen[name] = true
			if !applies(d, m, bases) {
				t.Errorf("%s changes none of our mails", name)
			}
		}
	}
	t.Logf("%d mutations", len(seen))
	for _, a := range anchors {
		for _, name := range a.mutations {
			if !seen[name] {
				t.Errorf("%s, %s: there is no mutation %s", a.source, a.attack, name)
			}
		}
	}
}

func applies(d dice, m mutation, bases []Base) bool {
	for range 40 {
		for _, b := range bases {
			if out, ok := m.apply(d, b.Raw); ok && !bytes.Equal(out, b.Raw) {
				return true
			}
		}
	}
	return false
}

// The sources of attacks that each have to have their mutation.
const (
	inboxInvasion    = "Inbox Invasion, CCS 2024"
	ambiguityDefense = "draft-chen-email-mime-ambiguity-defense-00"
	compositionKills = "Composition Kills, USENIX Security 2020"
)

var anchors = []struct {
	source, attack string
	mutations      []string
}{
	{inboxInvasion, "several Content-Type fields", []string{
		"part/type-doubled", "part/type-doubled-first", "boundary/fields-doubled-first",
		"boundary/fields-doubled-last",
	}},
	{inboxInvasion, "several boundary parameters", []string{
		"boundary/doubled+evil", "boundary/doubled-case+evil", "boundary/doubled-quoted+evil",
	}},
	{inboxInvasion, "boundary by RFC 2231", []string{
		"boundary/star+evil", "boundary/star-and-plain+evil", "boundary/continued+evil",
		"boundary/continued-and-plain+evil",
	}},
	{inboxInvasion, "special characters in the boundary", []string{
		"boundary/unquoted-space+evil", "boundary/quoted-pair+evil", "boundary/nul+evil",
		"boundary/semicolon-quoted+evil",
	}},
	{inboxInvasion, "comments in structured fields", []string{
		"boundary/comment-behind+evil", "encoding/name-comment-behind", "charset/label-comment",
		"part/filename-comment",
	}},
	{inboxInvasion, "empty or missing boundary", []string{
		"boundary/empty+evil", "boundary/missing+evil",
	}},
	{inboxInvasion, "boundary that is too long", []string{"boundary/long+evil"}},
	{inboxInvasion, "one boundary a prefix of another", []string{
		"boundary/prefix+evil", "delimiter/child-prefix", "delimiter/child-same",
	}},
	{inboxInvasion, "missing or early closing line", []string{
		"delimiter/no-close", "delimiter/close-early", "delimiter/preamble-close",
	}},
	{inboxInvasion, "parts in preamble and epilogue", []string{
		"delimiter/preamble-part", "delimiter/epilogue-part", "delimiter/epilogue-multipart",
	}},
	{inboxInvasion, "several or unknown transfer encodings", []string{
		"encoding/doubled-base64", "encoding/name-unknown", "encoding/name-token-behind",
		"encoding/name-encoded-word",
	}},
	{inboxInvasion, "characters outside base64's alphabet", []string{
		"encoding/base64-junk", "encoding/base64-junk-8bit", "encoding/base64-url-alphabet",
	}},
	{inboxInvasion, "padding inside base64", []string{
		"encoding/base64-padding-inside", "encoding/base64-chunks-padded",
		"encoding/base64-more-behind-padding",
	}},
	{inboxInvasion, "malformed quoted-printable", []string{
		"encoding/qp-bad-escape", "encoding/qp-half-escape", "encoding/qp-soft-break-white",
	}},
	{inboxInvasion, "uuencode", []string{
		"encoding/name-uuencode", "encoding/enclosed-uuencode-before",
		"encoding/enclosed-uuencode-behind",
	}},
	{inboxInvasion, "field names written badly", []string{
		"header/space-before-colon", "header/colon-dropped", "part/no-colon-in-part",
		"header/name-nul",
	}},
	{inboxInvasion, "MIME-Version missing", []string{
		"part/mime-version-dropped", "part/mime-version-2",
	}},
	{inboxInvasion, "depth", []string{"structure/wrapped-deep"}},
	{inboxInvasion, "messages within messages, in pieces, elsewhere",
		[]string{"structure/type-message/rfc822",
			"structure/type-message/partial; id=x; number=1; total=2",
			"structure/type-message/external-body; access-type=URL; URL=\"http://evil.example/\""}},
	{inboxInvasion, "names of attachments", []string{
		"part/filename-doubled", "part/filename-2231-both", "part/filename-2231-parts-gap",
		"part/filename-nul", "part/filename-encoded-word",
	}},
	{ambiguityDefense, "conflicting parameters", []string{
		"boundary/plain-and-star+evil", "charset/label-doubled", "charset/label-star",
		"part/filename-2231-both-back",
	}},
	{ambiguityDefense, "encoding of composite types", []string{
		"encoding/on-multipart-base64", "encoding/message-base64",
	}},
	{ambiguityDefense, "line ends and NUL", []string{
		"header/bare-cr", "header/lf-only", "header/nul", "charset/text-bare-cr", "octet/lf",
	}},
	{ambiguityDefense, "data behind the end of base64", []string{
		"encoding/base64-more-behind", "encoding/base64-plain-behind",
	}},
	{compositionKills, "several From fields", []string{
		"field/add-first-from:_x@evil.example", "field/add-last-from:_x@evil.example",
	}},
	{compositionKills, "space around the field name", []string{
		"header/space-colon-from", "header/leading-space-from", "header/folded-name-from",
	}},
	{compositionKills, "Sender and Resent fields", []string{
		"field/add-first-sender:_x@evil.example", "field/add-first-resent-from:_x@evil.example",
	}},
	{compositionKills, "several addresses", []string{
		"address/list-before", "address/list-behind", "address/commas",
	}},
	{compositionKills, "route, quoting and comments in addresses", []string{
		"address/route", "address/quoted-local-evil", "address/comment-in-angle",
		"address/quoted-address-name",
	}},
	{compositionKills, "encoded words in addresses", []string{
		"word/from-in-address", "word/from-nul", "word/from-crlf",
	}},
	{compositionKills, "truncation by NUL and by unseen characters", []string{
		"address/nul", "address/zero-width", "address/bidi",
	}},
	{compositionKills, "text around angle brackets", []string{
		"address/two-angles", "address/text-behind-angle", "address/nested-angles",
	}},
	{compositionKills, "fields added to what is signed", []string{
		"field/add-first-subject:_evil", "field/add-first-to:_x@evil.example",
		"field/add-first-content-type:_text/html",
	}},
}

func TestParseMail(t *testing.T) {
	for _, b := range ownBases(t) {
		e, err := parseMail(b.Raw)
		if err != nil {
			t.Fatalf("%s: %v", b.Name, err)
		}
		if c := e.clone(); !bytes.Equal(c.bytes(), b.Raw) {
			t.Errorf("%s: a clone is written differently", b.Name)
		}
		if bytes.Contains(b.Raw, []byte("\nContent-Type: multipart/")) && len(e.multiparts()) == 0 {
			t.Errorf("%s: the parts were not found", b.Name)
		}
	}
}

// FuzzParseMail: a mail is taken apart only if it can be written again as it was.
func FuzzParseMail(f *testing.F) {
	for _, b := range ownBases(f) {
		f.Add(b.Raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := parseMail(raw)
		if err == nil && !bytes.Equal(e.bytes(), raw) {
			t.Fatal("written differently")
		}
	})
}
