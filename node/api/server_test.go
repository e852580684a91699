package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"cairn/mailstore/scratch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(scratch.InMemory(m)) }

// node is a Backend that notes what it was asked and answers with what the test put there.
type node struct {
	Backend // the methods a test does not use are nil, and would panic

	asked any
	err   error
}

func (n *node) Status(context.Context) (*Status, error) {
	return &Status{Hostname: "mail.alpha.example", Chain: ChainStatus{Height: 7}}, n.err
}

func (n *node) Send(_ context.Context, r SendRequest) (*Sent, error) {
	n.asked = r
	return &Sent{Ref: "alice/1"}, n.err
}

func (n *node) Message(_ context.Context, ref string) (*Message, error) {
	n.asked = ref
	return &Message{Summary: Summary{Ref: ref, Subject: "<&>"}, Verification: &Verification{Verdict: "verified"}}, n.err
}

func (n *node) Labels(_ context.Context, account string) (*LabelList, error) {
	n.asked = account
	return nil, n.err
}

// socketDir is a directory for a socket: t.TempDir is too long for its name on some systems.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "api")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func start(t *testing.T, b Backend) (*Client, string) {
	t.Helper()
	dir := socketDir(t)
	l, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- Serve(ctx, l, b, slog.New(slog.DiscardHandler)) }()
	c := NewClient(dir)
	t.Cleanup(func() {
		c.Close()
		stop()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
		if _, err := os.Stat(filepath.Join(dir, SocketFile)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the socket is still there: %v", err)
		}
	})
	return c, dir
}

func TestRequestsAndAnswersArriveWhole(t *testing.T) {
	n := &node{}
	c, _ := start(t, n)
	status, err := c.Status(t.Context())
	if err != nil || status.Version != 1 || status.Hostname != "mail.alpha.example" || status.Chain.Height != 7 {
		t.Errorf("Status: %+v, %v", status, err)
	}
	sent := SendRequest{From: "alice@alpha.example", To: []string{"bob@beta.example"}, Raw: []byte("\x00\xff\r\n")}
	if s, err := c.Send(t.Context(), sent); err != nil || s.Ref != "alice/1" || !reflect.DeepEqual(n.asked, sent) {
		t.Errorf("Send: %+v, %v; the node was asked %+v", s, err, n.asked)
	}
	m, err := c.Message(t.Context(), "alice/12")
	if err != nil || n.asked != "alice/12" || m.Subject != "<&>" || m.Verification.Verdict != "verified" {
		t.Errorf("Message: %+v, %v", m, err)
	}
}

// Version stands once, at the top.
func TestEncodeVersion(t *testing.T) {
	var b strings.Builder
	if err := Encode(&b, &Status{}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(b.String(), `"version"`); got != 1 || !strings.HasPrefix(b.String(), "{\n  \"version\": 1,") {
		t.Errorf("%d versions in %s", got, b.String())
	}
}

func TestErrorsKeepTheirCode(t *testing.T) {
	n := &node{}
	c, _ := start(t, n)
	codes := []Code{CodeInternal, CodeInvalid, CodeNotFound, CodeExists, CodeTooLarge, CodeUsage, CodeNoRecord, CodeNotRunning, CodeNotAllowed, CodeTryLater}
	for _, code := range codes {
		n.err = fmt.Errorf("wrapped: %w", Errorf(code, "do this", "reading: %s", code))
		_, err := c.Labels(t.Context(), "alice")
		if e := AsError(err); e == nil || e.Code != code || e.Hint != "do this" || e.Message != "reading: "+string(code) {
			t.Errorf("%s came back as %+v", code, e)
		}
	}
	n.err = io.ErrUnexpectedEOF
	if _, err := c.Labels(t.Context(), ""); AsError(err).Code != CodeInternal || err.Error() != "unexpected EOF" {
		t.Errorf("a plain error came back as %v", err)
	}
}

func TestExitCodes(t *testing.T) {
	want := map[Code]int{
		CodeInternal: 1, CodeInvalid: 1, CodeNotFound: 1, CodeExists: 1, CodeTooLarge: 1, CodeUsage: 2,
		CodeNoRecord: 3, CodeNotRunning: 6, CodeNotAllowed: 7, CodeTryLater: 75, CodeInterrupted: 130,
	}
	for code, exit := range want {
		if got := (&Error{Code: code}).ExitCode(); got != exit {
			t.Errorf("%s exits with %d, want %d", code, got, exit)
		}
	}
}

func TestGarbageIsRefused(t *testing.T) {
	n := &node{}
	c, _ := start(t, n)
	long := `{"name":"` + strings.Repeat("x", maxRequest) + `"}`
	tests := []struct {
		name, method, path, body string
		status                   int
		code                     Code
	}{
		{"not JSON", "POST", pathLabels, "hello", 400, CodeInvalid},
		{"empty", "POST", pathLabels, "", 400, CodeInvalid},
		{"cut off", "POST", pathLabels, `{"name":`, 400, CodeInvalid},
		{"wrong type", "POST", pathLabels, `{"name":7}`, 400, CodeInvalid},
		{"unknown field", "POST", pathLabels, `{"nmae":"x"}`, 400, CodeInvalid},
		{"two documents", "POST", pathLabels, `{}{}`, 400, CodeInvalid},
		{"bad base64", "POST", pathSend, `{"raw":"!"}`, 400, CodeInvalid},
		{"too large", "POST", pathLabels, long, 413, CodeTooLarge},
		{"wrong method", "GET", pathLabels, "", 404, CodeNotFound},
		{"no such path", "POST", "/1/nothing", "{}", 404, CodeNotFound},
		{"later version", "POST", "/2/status", "{}", 404, CodeNotFound},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), tt.method, "http://cairn"+tt.path, strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := c.http.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			var f Failure
			if err := json.NewDecoder(resp.Body).Decode(&f); err != nil || f.Error == nil {
				t.Fatalf("answer is no document: %v", err)
			}
			if resp.StatusCode != tt.status || f.Error.Code != tt.code || f.Version != 1 {
				t.Errorf("answered %d %+v", resp.StatusCode, f.Error)
			}
		})
	}
	if n.asked != nil {
		t.Errorf("the node was asked %v", n.asked)
	}
	if _, err := c.Status(t.Context()); err != nil {
		t.Errorf("the node no longer answers: %v", err)
	}
}

func TestNoNode(t *testing.T) {
	c := NewClient(filepath.Join(t.TempDir(), "nothing"))
	if _, err := c.Status(t.Context()); AsError(err).Code != CodeNotRunning {
		t.Errorf("no directory: %v", err)
	}
}

func TestSocket(t *testing.T) {
	_, dir := start(t, &node{})
	info, err := os.Stat(filepath.Join(dir, SocketFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("socket: %v, %v", info.Mode(), err)
	}
	if _, err := Listen(filepath.Join(dir, strings.Repeat("x", 100))); AsError(err).Code != CodeInvalid {
		t.Errorf("a long directory: %v", err)
	}
}

func TestSocketOfAKilledNode(t *testing.T) {
	dir, err := os.MkdirTemp("", "api")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	l, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	if _, err := NewClient(dir).Status(t.Context()); AsError(err).Code != CodeNotRunning {
		t.Errorf("asking a killed node: %v", err)
	}
	if l, err = Listen(dir); err != nil {
		t.Fatalf("starting again: %v", err)
	}
	l.Close()
}

// A caller that gives up stops the work in the node.
func TestCancelReachesTheNode(t *testing.T) {
	b := &slow{started: make(chan struct{}), stopped: make(chan struct{})}
	c, _ := start(t, b)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	go func() { <-b.started; cancel() }()
	if _, err := c.Status(ctx); AsError(err).Code != CodeInterrupted {
		t.Errorf("Status: %v", err)
	}
	<-b.stopped
}

type slow struct {
	Backend
	started, stopped chan struct{}
}

func (s *slow) Status(ctx context.Context) (*Status, error) {
	close(s.started)
	<-ctx.Done()
	close(s.stopped)
	return nil, ctx.Err()
}

// full is a Backend that has memory for none but small messages.
type full struct {
	node
	held  int64
	given chan int64
}

func (f *full) Hold(_ context.Context, bytes int64) (func(), error) {
	if bytes > 1000 {
		return nil, Errorf(CodeTryLater, "wait", "no memory")
	}
	f.held += bytes
	return func() { f.given <- bytes }, nil
}

// TestHeldRequests: a request with a message is read once there is memory for it, and given back
// what it had.
func TestHeldRequests(t *testing.T) {
	f := &full{given: make(chan int64, 1)}
	c, _ := start(t, f)
	if _, err := c.Send(t.Context(), SendRequest{Raw: make([]byte, 100)}); err != nil {
		t.Fatal(err)
	}
	_, err := c.Send(t.Context(), SendRequest{Raw: make([]byte, 1000)})
	if e := AsError(err); e == nil || e.Code != CodeTryLater || e.Hint != "wait" {
		t.Errorf("without memory: %v", err)
	}
	if given := <-f.given; given == 0 || given != f.held {
		t.Errorf("%d held, %d given back", f.held, given)
	}
}
