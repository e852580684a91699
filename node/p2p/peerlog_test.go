package p2p

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// Peers fill no log: beyond their credit lines are told at level debug, those of members apart, and it is said how many.
func TestPeerLogIsRationed(t *testing.T) {
	for _, level := range []slog.Level{slog.LevelInfo, slog.LevelDebug} {
		var out bytes.Buffer
		now := time.Unix(1_800_000_000, 0)
		l := newPeerLog(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: level})), now)
		for range 10 * peerLines {
			l.of(false, now).Info("a stranger")
		}
		l.of(true, now).Warn("a member")
		now = now.Add(peerLineGap)
		l.of(false, now).Info("later")
		l.of(false, now).Info("too early")
		told := map[string]int{}
		for _, what := range []string{"level=INFO msg=\"a stranger\"", "level=DEBUG msg=\"a stranger\"", "level=WARN msg=\"a member\"\n",
			"level=INFO msg=later lines_left_out=450\n", "level=DEBUG msg=\"too early\""} {
			told[what] = strings.Count(out.String(), what)
		}
		lower := 0
		if level == slog.LevelDebug {
			lower = 1
		}
		for what, want := range map[string]int{"level=INFO msg=\"a stranger\"": peerLines, "level=DEBUG msg=\"a stranger\"": 9 * peerLines * lower,
			"level=WARN msg=\"a member\"\n": 1, "level=INFO msg=later lines_left_out=450\n": 1, "level=DEBUG msg=\"too early\"": lower} {
			if told[what] != want {
				t.Errorf("at %s: %q is there %d times, want %d", level, what, told[what], want)
			}
		}
	}
}
