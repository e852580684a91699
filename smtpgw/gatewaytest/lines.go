package gatewaytest

import (
	"bytes"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// Lines is a log that tests read.
type Lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *Lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

// Log writes to it.
func (l *Lines) Log() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// Text is all that was written.
func (l *Lines) Text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Line waits for the one line that has a text, and holds it to a pattern.
func (l *Lines) Line(t *testing.T, has, want string) string {
	t.Helper()
	var found []string
	WaitFor(t, func() bool {
		found = nil
		for line := range strings.Lines(l.Text()) {
			if strings.Contains(line, has) {
				found = append(found, line)
			}
		}
		return len(found) > 0
	})
	if len(found) != 1 || !regexp.MustCompile(want).MatchString(found[0]) {
		t.Errorf("lines with %q are %q, want one like %s", has, found, want)
	}
	return found[0]
}
