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

	"cairn/mailstore/outbox"
	"cairn/mailstore/testenv"
	"cairn/smtpgw/deliverytest"
)

// TestWireVectors replays recorded client byte streams, smuggling among them, over real connections
// to both kinds of listeners.
func TestWireVectors(t *testing.T) {
	dir := testenv.Folder(t, "CAIRN_TESTDATA")
	b, err := os.ReadFile(filepath.Join(dir, "smtp-wire", "vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Vectors []wireVector }
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Vectors) < 10 {
		t.Fatalf("only %d vectors", len(file.Vectors))
	}
	for _, v := range file.Vectors {
		t.Run("inbound/"+v.Name, func(t *testing.T) {
			st := localStore(t)
			v.replay(t, dial(t, inbound(t, testConfig, st, &deliverytest.Verifier{})))
			v.check(t, inboxOf(t, st, "user@local.example", "inbox"))
		})
		t.Run("submission/"+v.Name, func(t *testing.T) {
			cfg, st := testConfig, localStore(t)
			cfg.RelayFrom = []string{AnyAddress}
			if v.Name == "relay-denied" { // who may submit may send to anybody: who may not gets no further than MAIL
				cfg.Unauthenticated = func() bool { return false }
				v.Steps = slices.Delete(slices.Clone(v.Steps), 2, 3)
			}
			addr, queue := submission(t, cfg, st)
			v.replay(t, dial(t, addr))
			v.check(t, queued(t, queue))
		})
	}
}

// wireVector is what a client says, and what it has to hear.
type wireVector struct {
	Name  string
	Steps []struct {
		Send   *string
		Expect string
	}
}

func (v *wireVector) replay(t *testing.T, d *dialogue) {
	t.Helper()
	for _, step := range v.Steps {
		if step.Send != nil {
			if _, err := d.conn.Write([]byte(*step.Send)); err != nil {
				t.Fatal(err)
			}
		}
		d.expectText(step.Expect)
	}
}

// check compares the messages that were taken with what must have been, by the subjects: none where
// not listed.
func (v *wireVector) check(t *testing.T, messages []string) {
	t.Helper()
	taken := map[string][]string{
		"dot-stuffing": {"wire 3"}, "null-sender": {"wire n"}, "pipelined": {"wire p"},
	}
	var subjects []string
	for _, raw := range messages {
		s := regexp.MustCompile(`(?m)^Subject: (.*)\r$`).FindStringSubmatch(raw)
		subjects = append(subjects, s[1])
		if v.Name == "dot-stuffing" && !strings.HasSuffix(raw, "\r\n\r\na\r\n.\r\n..b\r\n.c d\r\nend\r\n") {
			t.Errorf("stored %q", raw)
		}
	}
	if !slices.Equal(subjects, taken[v.Name]) {
		t.Errorf("taken %q, want %q", subjects, taken[v.Name])
	}
}

// queued are the texts that wait.
func queued(t *testing.T, queue *outbox.Queue) (messages []string) {
	t.Helper()
	list, err := queue.List(0, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		raw, err := queue.Raw(e)
		if err != nil {
			t.Fatal(err)
		}
		messages = append(messages, string(raw))
	}
	return messages
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
