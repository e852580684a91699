package keyring

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"cairn/mailstore/message"
	"cairn/mailstore/testenv"
	"cairn/smtpgw/authres/lookup"
	"cairn/smtpgw/authres/lookup/lookuptest"
	verifier "cairn/smtpgw/dkim"
)

const (
	token = "Cairn-Record: v=1; k=abc;\r\n d=AAAA\r\n"
	mail  = "Received: from a by b; Fri, 2 Jan 2026 03:04:05 +0000\r\nFrom: Ann <ann@example.org>\r\nTo: bob@example.net\r\n" +
		"Subject: hello\r\nDate: Fri, 2 Jan 2026 03:04:05 +0000\r\nList-Id: <l.example.org>\r\n\r\nHello  Bob,\r\nbye \r\n\r\n"
)

// verify returns how many signatures of a message are right, and why others are not.
func verify(t testing.TB, records map[string]string, whole []byte) (good int, bad []error) {
	t.Helper()
	found, err := dkim.VerifyWithOptions(bytes.NewReader(whole), &dkim.VerifyOptions{
		LookupTXT: func(name string) ([]string, error) { return []string{records[name]}, nil }, MaxVerifications: 4,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range found {
		if v.Err == nil {
			good++
		} else {
			bad = append(bad, v.Err)
		}
	}
	return good, bad
}

// verifies holds that a message which k has signed verifies with that record.
func verifies(t *testing.T, k Key, record string) {
	t.Helper()
	field, err := Sign([]Key{k}, day0, []byte(token), []byte(mail))
	if err != nil {
		t.Fatal(err)
	}
	if good, bad := verify(t, map[string]string{k.Name(): record}, slices.Concat(field, []byte(token), []byte(mail))); good != 1 {
		t.Errorf("record %q: %v", record, bad)
	}
}

// TestSign: both signatures are right, however relays fold and space the message, and wrong once
// what they are over has changed.
func TestSign(t *testing.T) {
	r := ringOf(t, day0, "example.org")
	records := make(map[string]string)
	for _, k := range r.Keys() {
		records[k.Name()] = k.Record()
	}
	fields, err := Sign(r.Keys(), day0, []byte(token), []byte(mail))
	if err != nil {
		t.Fatal(err)
	}
	if text := string(fields); !strings.HasPrefix(text, "DKIM-Signature: v=1; a=rsa-sha256;") || strings.Contains(text, "Received") {
		t.Errorf("fields\n%s", text)
	}
	for line := range strings.SplitSeq(string(fields), "\r\n") {
		if len(line) > 998 {
			t.Errorf("a line of %d octets", len(line))
		}
	}
	whole := string(fields) + token + mail
	for _, tt := range []struct {
		name, old, new string
		good           int
	}{
		{"as it left", "", "", 2},
		{"on top", "DKIM-Signature: v=1; a=rsa", "Received: from x by y; Fri, 2 Jan 2026 03:04:06 +0000\r\nReturn-Path: <a@example.org>\r\nDKIM-Signature: v=1; a=rsa", 2},
		{"the trace below", "from a by b", "from c by d", 2},
		{"folded anew", "Subject: hello", "Subject:\r\n\thello ", 2},
		{"spaced anew", "Hello  Bob,", "Hello Bob, ", 2},
		{"lines at the end", "bye \r\n\r\n", "bye\r\n", 2},
		{"the token", "d=AAAA", "d=AAAB", 0},
		{"no token", token, "", 0},
		{"another author on top", "Cairn-Record:", "From: Eve <eve@example.com>\r\nCairn-Record:", 0},
		{"another subject on top", "Cairn-Record:", "Subject: hey\r\nCairn-Record:", 0},
		{"MIME fields put in", "Cairn-Record:", "MIME-Version: 1.0\r\nContent-Type: text/plain\r\nCairn-Record:", 0},
		{"a recipient put in", "Cairn-Record:", "Cc: eve@example.com\r\nCairn-Record:", 0},
		{"the list", "<l.example.org>", "<m.example.org>", 0},
		{"a word", "Bob,", "Rob,", 0},
	} {
		text := whole
		if tt.old != "" {
			text = strings.Replace(text, tt.old, tt.new, 1)
		}
		if tt.name != "as it left" && text == whole {
			t.Errorf("%s: nothing is changed", tt.name)
		}
		if good, bad := verify(t, records, []byte(text)); good != tt.good {
			t.Errorf("%s: %d are right, %v", tt.name, good, bad)
		}
	}
	typed := []byte("Content-Type: text/plain\r\n" + mail)
	if fields, err = Sign(r.Keys(), day0, typed); err != nil {
		t.Fatal(err)
	}
	if good, _ := verify(t, records, slices.Concat([]byte("Content-Type: text/html\r\n"), fields, typed)); good != 0 {
		t.Error("a second type on top is let pass")
	}
	if fields, err := Sign(r.Keys(), day0, nil, []byte("\tx\r\n"+mail)); !errors.Is(err, verifier.ErrFolded) {
		t.Errorf("a signature that the message goes on with: %s", fields)
	}
	const alone = "From: ann@example.org\r\n"
	if fields, err = Sign(r.Keys(), day0, []byte(token), []byte(alone)); err != nil {
		t.Fatal(err)
	}
	if good, bad := verify(t, records, []byte(string(fields)+token+alone+"\r\n")); good != 2 {
		t.Errorf("without a body: %v", bad)
	}
	if _, err := Sign(r.Keys(), day0, []byte("no message")); err == nil {
		t.Error("what has no header was signed")
	}
	if fields, err := Sign(nil, day0, []byte(mail)); err != nil || len(fields) > 0 {
		t.Errorf("without keys: %q, %v", fields, err)
	}
}

// TestFieldsInFront: a field that readers act upon, put in front of what was signed, breaks all
// signatures, whether the message has one of its own or not.
func TestFieldsInFront(t *testing.T) {
	r := ringOf(t, day0, "example.org")
	records, zone := make(map[string]string), &lookuptest.Zone{TXTs: make(map[string][]string)}
	for _, k := range r.Keys() {
		records[k.Name()], zone.TXTs[k.Name()] = k.Record(), []string{k.Record()}
	}
	ours := func(whole []byte) (good int) {
		found, _ := verifier.Verify(t.Context(), lookup.New(zone), verifier.Split(whole), time.Now())
		for _, v := range found {
			if v.Result == verifier.Pass {
				good++
			}
		}
		return good
	}
	inFront := map[string]string{
		"From": "Eve <eve@example.com>", "Sender": "eve@example.com", "Reply-To": "eve@example.com", "To": "eve@example.com",
		"Cc": "eve@example.com", "Subject": "hey", "Date": "Sat, 3 Jan 2026 03:04:05 +0000", "Message-ID": "<e@example.com>",
		"In-Reply-To": "<e@example.com>", "References": "<e@example.com>", "MIME-Version": "1.0", "Content-Type": "text/html",
		"Content-Transfer-Encoding": "base64", "Content-Disposition": "attachment; filename=e.exe",
	}
	sparse, full := mail, mail
	for name, value := range inFront {
		if !strings.Contains(full, "\r\n"+name+":") {
			full = name + ": " + strings.ToLower(value) + "\r\n" + full
		}
	}
	for which, message := range map[string]string{"without": sparse, "with": full} {
		fields, err := Sign(r.Keys(), day0, []byte(token), []byte(message))
		if err != nil {
			t.Fatal(err)
		}
		whole := slices.Concat(fields, []byte(token), []byte(message))
		if good, bad := verify(t, records, whole); good != 2 || ours(whole) != 2 {
			t.Errorf("%s them, untouched: %d and %d are right, %v", which, good, ours(whole), bad)
		}
		for name, value := range inFront {
			put := append([]byte(name+": "+value+"\r\n"), whole...)
			if good, _ := verify(t, records, put); good != 0 || ours(put) != 0 {
				t.Errorf("%s them, %s in front: %d and %d are right", which, name, good, ours(put))
			}
		}
	}
	html := slices.Concat([]byte("MIME-Version: 1.0\r\nContent-Type: text/html\r\n"), signedMail(t, r.Keys()))
	if ours(html) != 0 {
		t.Error("a plain text that is made HTML is right")
	}
}

// signedMail is mail as it leaves.
func signedMail(t *testing.T, keys []Key) []byte {
	t.Helper()
	fields, err := Sign(keys, day0, []byte(token), []byte(mail))
	if err != nil {
		t.Fatal(err)
	}
	return slices.Concat(fields, []byte(token), []byte(mail))
}

// TestSignSamples: what is signed of the public samples verifies, and so it does once a relay has
// spaced it anew.
func TestSignSamples(t *testing.T) {
	dir := testenv.Folder(t, "CAIRN_TESTDATA")
	k := ringOf(t, day0, "example.org").Keys()[0]
	records := map[string]string{k.Name(): k.Record()}
	signed := 0
	for _, folder := range []string{"ham", "intl", "mime"} {
		err := filepath.WalkDir(filepath.Join(dir, folder), func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			raw = message.WireLines(message.WithoutMboxLine(raw))
			if !sound(raw) {
				return nil
			}
			signed++
			field, err := Sign([]Key{k}, day0, []byte(token), raw)
			if err != nil {
				t.Errorf("%s: %v", path, err)
				return nil
			}
			head, body, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
			head = bytes.ReplaceAll(head, []byte("\r\n\t"), []byte(" \r\n  "))
			body = append(bytes.ReplaceAll(body, []byte("\r\n"), []byte(" \r\n")), "\r\n\r\n"...)
			spaced := slices.Concat(head, []byte("\r\n\r\n"), body)
			for how, message := range map[string][]byte{"as it left": raw, "spaced anew": spaced} {
				if good, bad := verify(t, records, slices.Concat(field, []byte(token), message)); good != 1 {
					t.Errorf("%s, %s: %v", path, how, bad)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d signed", signed)
	if signed < 1000 {
		t.Errorf("only %d signed", signed)
	}
}

// sound reports whether a message is one as they leave the gateway: it has a header of fields
// alone, no other signature, and its lines end in CRLF.
func sound(raw []byte) bool {
	head, body, found := bytes.Cut(raw, []byte("\r\n\r\n"))
	plain := bytes.ReplaceAll(raw, []byte("\r\n"), nil)
	return found && len(body) > 0 && !bytes.ContainsAny(plain, "\r\n\x00") && fields.Match(append(head, "\r\n"...)) && author.Match(head) && !other.Match(head)
}

var (
	fields = regexp.MustCompile(`\A([!-9;-~]+:[^\r]*\r\n([ \t]+[^ \t\r][^\r]*\r\n)*)+\z`)
	author = regexp.MustCompile(`(?im)^from:`)
	other  = regexp.MustCompile(`(?im)^dkim-signature:`)
)

// FuzzSign: whatever is signed verifies.
func FuzzSign(f *testing.F) {
	k := ringOf(f, day0, "example.org").Keys()[0]
	records := map[string]string{k.Name(): k.Record()}
	f.Add([]byte(mail))
	f.Add([]byte("From: a@example.org\r\nSubject:\r\n \ta\r\n\r\n \r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !sound(raw) {
			return
		}
		field, err := Sign([]Key{k}, day0, []byte(token), raw)
		if err != nil {
			t.Fatal(err)
		}
		if good, bad := verify(t, records, slices.Concat(field, []byte(token), raw)); good != 1 {
			t.Errorf("%q: %v", raw, bad)
		}
	})
}

// BenchmarkSign is what a mail of 4 KB costs by both keys.
func BenchmarkSign(b *testing.B) {
	keys := ringOf(b, day0, "example.org").Keys()
	raw := []byte(mail + strings.Repeat("a line of text as mail has them\r\n", 128))
	for b.Loop() {
		if _, err := Sign(keys, day0, []byte(token), raw); err != nil {
			b.Fatal(err)
		}
	}
}
