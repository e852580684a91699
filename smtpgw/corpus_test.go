package smtpgw

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestCorpusSubmission submits real mail. What is accepted stays as it was but
// for what submission adds on top and takes out; what is not is refused for
// one of the known reasons.
func TestCorpusSubmission(t *testing.T) {
	dir := os.Getenv("CAIRN_TESTDATA")
	if dir == "" {
		t.Skip("CAIRN_TESTDATA is not set")
	}
	st := localStore(t)
	s := NewSubmitter(testConfig, st, NewQueue(st))
	taken, refused := 0, make(map[string]int)
	received := regexp.MustCompile(`^Received: [^\r]*\r\n\t[^\r]*\r\n\t[^\r]*\r\n`)
	date, id := regexp.MustCompile(`(?im)^date[ \t]*:`), regexp.MustCompile(`(?im)^message-id[ \t]*:`)
	addedDate, addedID := regexp.MustCompile(`^Date: [^\r]*\r\n`), regexp.MustCompile(`^Message-ID: [^\r]*\r\n`)
	removed := regexp.MustCompile(`(?im)^bcc:[^\r]*\r\n([ \t][^\r]*\r\n)*`)
	for _, folder := range []string{"ham", "spam", "intl"} {
		err := filepath.WalkDir(filepath.Join(dir, folder), func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			raw = bytes.ReplaceAll(bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
			r, err := s.Submit(t.Context(), Peer{Helo: "corpus", Protocol: ProtocolLocal}, "user@local.example", []string{"a@far.example"}, raw)
			if err != nil {
				refused[err.Error()]++
				return nil
			}
			taken++
			header, body, _ := strings.Cut(string(raw), "\r\n\r\n")
			want := removed.ReplaceAllString(header+"\r\n", "") + "\r\n" + body
			got := received.ReplaceAllString(string(r.Raw), "")
			if !date.MatchString(header) {
				got = addedDate.ReplaceAllString(got, "")
			}
			if !id.MatchString(header) {
				got = addedID.ReplaceAllString(got, "")
			}
			if got != want && got+"\r\n" != want {
				t.Errorf("%s was changed", path)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d taken, refused: %v", taken, refused)
	if taken < 1000 {
		t.Errorf("only %d taken", taken)
	}
	known := regexp.MustCompile(`no From field|From fields|bare CR|NUL`)
	for reason := range refused {
		if !known.MatchString(reason) {
			t.Errorf("refused: %s", reason)
		}
	}
}
