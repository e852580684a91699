package p2p

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// Peers fill no log, and strangers use up nothing of the lines about members.
func TestPeerLogIsRationed(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(1_800_000_000, 0)
	l := newPeerLog(slog.New(slog.NewTextHandler(&out, nil)), now)
	for range 10 * peerLines.Lines {
		l.of(false, now).Info("a stranger")
	}
	l.of(true, now).Warn("a member")
	for what, want := range map[string]int{"a stranger": peerLines.Lines, "a member": 1} {
		if n := strings.Count(out.String(), what); n != want {
			t.Errorf("%q is there %d times, want %d", what, n, want)
		}
	}
}
