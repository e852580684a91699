package ops

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"cairn/consensus/record"
	"cairn/node/api"
	"cairn/smtpgw"
)

// serving is a server of which status, alive and ready go wrong as their errors say.
type serving struct {
	status, alive, ready error

	url string
}

func serve(t *testing.T, s *serving) *Metrics {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.url = "http://" + l.Addr().String()
	m := NewMetrics(func(context.Context) (*api.Status, error) {
		st := &api.Status{Peers: 3, Org: api.OrgSummary{Enrolled: true, Name: "Alpha", Domains: []string{"alpha.example"}}}
		st.Mail.Queued, st.Mail.Full = 7, "no room"
		st.Certificates = []api.Certificate{{Name: "mail.alpha.example", Until: time.Unix(2000000000, 0)}, {Name: "mta-sts.alpha.example", Until: time.Unix(1900000000, 0)}}
		return st, s.status
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- Serve(ctx, l, m, func(context.Context) error { return s.alive }, func(context.Context) error { return s.ready }, slog.New(slog.DiscardHandler))
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return m
}

func (s *serving) get(t *testing.T, path string) (code int, text string) {
	t.Helper()
	r, err := http.Get(s.url + path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

// TestMetrics: what was counted and what the status says is there, in good form.
func TestMetrics(t *testing.T) {
	s := new(serving)
	m := serve(t, s)
	m.Taken(smtpgw.Inbound)
	m.Taken(smtpgw.Inbound)
	m.Refused(smtpgw.Submission, "RCPT", 550)
	m.Filed(record.Verified)
	m.Settled("deferred")
	m.SignedIn(true)
	m.SignedIn(false)
	m.Reported("tls", "queued")
	code, text := s.get(t, "/metrics")
	for _, want := range []string{
		`cairn_messages_taken_total{listener="inbound"} 2`, `cairn_replies_refused_total{class="5xx",listener="submission",stage="RCPT"} 1`,
		`cairn_messages_filed_total{verdict="verified"} 1`, `cairn_attempts_total{outcome="deferred"} 1`, `cairn_sign_ins_total{result="refused"} 1`,
		`cairn_reports_sent_total{kind="tls",outcome="queued"} 1`,
		"cairn_queue_entries 7", "cairn_store_full 1", "cairn_peers 3", "cairn_certificate_expiry_seconds 1.9e+09", "cairn_member 1", "go_goroutines ", "process_open_fds ",
	} {
		if !strings.Contains(text, "\n"+want) {
			t.Errorf("%q is missing", want)
		}
	}
	if code != http.StatusOK || strings.Contains(text, "alpha.example") {
		t.Errorf("%d:\n%s", code, text)
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}

// TestUnknownIsNotTold: without a status the counters are told, and no figure of it.
func TestUnknownIsNotTold(t *testing.T) {
	s := &serving{status: errors.New("the store is closed")}
	serve(t, s).Taken(smtpgw.Inbound)
	if code, text := s.get(t, "/metrics"); code != http.StatusOK || strings.Contains(text, "cairn_peers") || !strings.Contains(text, "cairn_messages_taken_total") {
		t.Errorf("%d:\n%s", code, text)
	}
}

func TestProbes(t *testing.T) {
	s := new(serving)
	serve(t, s)
	for _, path := range []string{"/livez", "/readyz"} {
		if code, text := s.get(t, path); code != http.StatusOK || text != "ok\n" {
			t.Errorf("%s: %d %q", path, code, text)
		}
	}
	s = &serving{ready: errors.New("no room")}
	serve(t, s)
	if code, _ := s.get(t, "/livez"); code != http.StatusOK {
		t.Errorf("alive, and not ready: %d", code)
	}
	if code, text := s.get(t, "/readyz"); code != http.StatusServiceUnavailable || text != "no room\n" {
		t.Errorf("%d %q", code, text)
	}
	for _, path := range []string{"/", "/debug/pprof/", "/metrics/x"} {
		if code, _ := s.get(t, path); code != http.StatusNotFound {
			t.Errorf("%s: %d", path, code)
		}
	}
}

// TestNotifier is what systemd hears, at a socket of its own.
func TestNotifier(t *testing.T) {
	at := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: at, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	heard := func() string {
		t.Helper()
		c.SetReadDeadline(time.Now().Add(20 * time.Second))
		b := make([]byte, 1000)
		n, err := c.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	n := NewNotifier(func(name string) string {
		return map[string]string{"NOTIFY_SOCKET": at, "WATCHDOG_USEC": "20000"}[name]
	})
	if err := n.Ready("serves a.example"); err != nil || heard() != "READY=1\nSTATUS=serves a.example" {
		t.Errorf("ready: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	asked, ended := make(chan struct{}), make(chan struct{})
	answers := []error{nil, errors.New("it hangs"), nil}
	go func() {
		defer close(ended)
		n.Watch(ctx, func(context.Context) (err error) {
			if len(answers) == 0 {
				<-asked
				return errors.New("over")
			}
			err, answers = answers[0], answers[1:]
			return err
		})
	}()
	for range 2 {
		if got := heard(); got != "WATCHDOG=1" {
			t.Errorf("heard %q", got)
		}
	}
	cancel()
	close(asked)
	<-ended
	if err := n.Stopping(); err != nil || heard() != "STOPPING=1" {
		t.Errorf("stopping: %v", err)
	}
	alone := NewNotifier(func(string) string { return "" })
	alone.Watch(t.Context(), nil)
	if err := alone.Ready(""); err != nil {
		t.Errorf("without systemd: %v", err)
	}
}
