package draft_test

import (
	"bytes"
	"io/fs"
	"net/mail"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"cairn/mailstore/message"
	"cairn/mailstore/outbox"
	"cairn/mailstore/testenv"
	"cairn/smtpgw"
	"cairn/smtpgw/draft"
	"cairn/smtpgw/gatewaytest"
	"cairn/smtpgw/rawheader"
	"cairn/smtpgw/trace"
)

// TestCorpusSubmission submits real mail as a program that may send as anybody.
// What needs nothing leaves as it came, what is put right says what it said, and
// what is refused is refused for one of the known reasons.
func TestCorpusSubmission(t *testing.T) {
	dir := testenv.Folder(t, "CAIRN_TESTDATA")
	cfg := smtpgw.Config{
		Hostname: "mx.local.example", Postmaster: "admin@local.example",
		Domains: func() []string { return []string{"local.example"} },
	}
	cfg.RelayFrom = []string{smtpgw.AnyAddress}
	st := gatewaytest.Store(t, "admin=admin@local.example", "user=user@local.example")
	s := smtpgw.NewSubmitter(cfg, st, outbox.New(st))
	taken, untouched, refused := 0, 0, make(map[string]int)
	received := regexp.MustCompile(`^Received: [^\r]*\r\n\t[^\r]*\r\n\t[^\r]*\r\n`)
	for _, folder := range []string{"ham", "spam", "intl", "mime"} {
		err := filepath.WalkDir(filepath.Join(dir, folder), func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			raw = bytes.ReplaceAll(bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
			r, err := s.Submit(t.Context(), trace.Peer{Helo: "corpus", Protocol: trace.ProtocolLocal}, "user@local.example", []string{"a@far.example"}, raw)
			if err != nil {
				refused[err.Error()]++
				return nil
			}
			taken++
			got := received.ReplaceAll(r.Raw, nil)
			header, _ := rawheader.Split(got)
			draft.CheckHeader(t, header)
			if needsNothing(raw) {
				untouched++
				if !bytes.Equal(got, raw) {
					t.Errorf("%s was changed", path)
				}
			} else if before, after := bodyOf(raw), bodyOf(got); !bytes.Equal(before, after) && gatewaytest.IsWellFormed(raw) {
				t.Errorf("%s says something else: %.80q, was %.80q", path, string(after), string(before))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d taken, %d of them as they are, refused: %v", taken, untouched, refused)
	if taken < 1000 || untouched < 800 {
		t.Errorf("only %d taken, %d as they are", taken, untouched)
	}
	known := regexp.MustCompile(`header exceeds|no From field|\d+ \S+ fields; one is allowed|bare CR|NUL|From field (names|holds|is)|Sender field (names|holds|is)`)
	for reason := range refused {
		if !known.MatchString(reason) {
			t.Errorf("refused: %s", reason)
		}
	}
}

var (
	goodID  = regexp.MustCompile(`(?im)^message-id:[ \t]*(\r\n[ \t]+)?<[^<> \t\r]+@[^<> \t\r]+>[ \t]*\r$`)
	dropped = regexp.MustCompile(`(?im)^(bcc|resent-bcc|cairn-record|content-length|lines|status|x-status|x-uid|x-keywords|x-mozilla-[^:]*)[ \t]*:`)
)

// needsNothing says so of a message by other means than the code does. It may
// miss some.
func needsNothing(raw []byte) bool {
	header, rest := rawheader.Split(raw)
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil || len(rest) == 0 || !gatewaytest.IsWellFormed(raw) || !goodID.Match(header) || dropped.Match(header) || strings.Contains(m.Header.Get("From"), ",") {
		return false
	}
	if _, err := mail.ParseDate(m.Header.Get("Date")); err != nil {
		return false
	}
	for line := range bytes.Lines(raw) {
		if len(line) > 990+len("\r\n") {
			return false
		}
	}
	return true
}

// bodyOf is all that the parts of a message say.
func bodyOf(raw []byte) []byte {
	var b []byte
	for _, c := range message.ComponentsV1(raw, nil) { // decoded, whatever the encoding
		switch c.Type {
		case message.Text, message.HTML, message.Attachment, message.AttachmentName:
			b = append(append(b, c.Type.String()...), c.Content()...)
		}
	}
	return b
}
