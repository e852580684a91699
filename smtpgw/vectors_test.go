package smtpgw

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"cairn/mailstore/message/mailtest"
)

// TestWireVectors replays recorded client byte streams, smuggling among them,
// over real connections.
func TestWireVectors(t *testing.T) {
	dir := mailtest.Folder(t, "CAIRN_TESTDATA")
	b, err := os.ReadFile(filepath.Join(dir, "smtp-wire", "vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []struct {
			Name  string
			Steps []struct {
				Send   *string
				Expect string
			}
		}
	}
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Vectors) < 10 {
		t.Fatalf("only %d vectors", len(file.Vectors))
	}
	// What must have been delivered, by the subjects; none where not listed.
	delivered := map[string][]string{
		"dot-stuffing": {"wire 3"}, "null-sender": {"wire n"}, "pipelined": {"wire p"},
	}
	for _, v := range file.Vectors {
		t.Run(v.Name, func(t *testing.T) {
			st := localStore(t)
			d := dial(t, inbound(t, testConfig, st, &verifier{}))
			for _, step := range v.Steps {
				if step.Send != nil {
					if _, err := d.conn.Write([]byte(*step.Send)); err != nil {
						t.Fatal(err)
					}
				}
				d.expectText(step.Expect)
			}
			var subjects []string
			for _, raw := range inboxOf(t, st, "user@local.example", "inbox") {
				s := regexp.MustCompile(`(?m)^Subject: (.*)\r$`).FindStringSubmatch(raw)
				subjects = append(subjects, s[1])
				if v.Name == "dot-stuffing" && !strings.HasSuffix(raw, "\r\n\r\na\r\n.\r\n..b\r\n.c d\r\nend\r\n") {
					t.Errorf("stored %q", raw)
				}
			}
			if !slices.Equal(subjects, delivered[v.Name]) {
				t.Errorf("delivered %q, want %q", subjects, delivered[v.Name])
			}
		})
	}
}

// expectText reads replies until their text matches a pattern that may span
// several of them.
func (d *dialogue) expectText(want string) {
	d.t.Helper()
	re := regexp.MustCompile(want)
	all := ""
	for !re.MatchString(all) {
		d.conn.SetReadDeadline(time.Now().Add(3 * time.Second))
		reply, _, err := d.reply()
		all += reply
		if err != nil {
			d.t.Fatalf("wait for %s: %v (got %q)", want, err, all)
		}
	}
}
