package logration

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// told counts the lines of a log that have a text.
func told(out *bytes.Buffer, what string) int { return strings.Count(out.String(), what) }

// Beyond the credit lines are told at level debug, and the next line says how many.
func TestRation(t *testing.T) {
	for level, lower := range map[slog.Level]int{slog.LevelInfo: 0, slog.LevelDebug: 1} {
		var out bytes.Buffer
		log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: level})).With("of", "it")
		now := time.Unix(1_800_000_000, 0)
		r := New(Rate{Lines: 5, Gap: time.Second}, now)
		for range 20 {
			r.Of(log, now).Info("much")
		}
		now = now.Add(time.Second)
		r.Of(log, now).Warn("later")
		r.Of(log, now).Warn("early")
		for what, want := range map[string]int{`level=INFO msg=much of=it`: 5, `level=DEBUG msg=much of=it`: 15 * lower,
			`level=WARN msg=later of=it lines_left_out=15`: 1, `level=DEBUG msg=early of=it`: lower} {
			if n := told(&out, what+"\n"); n != want {
				t.Errorf("at %s: %q is there %d times, want %d", level, what, n, want)
			}
		}
	}
}

// Each name has a credit of its own as far as names are remembered, the others share one; who has
// not used any for long is forgotten.
func TestRations(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	now := time.Unix(1_800_000_000, 0)
	r := NewRations(Rate{Lines: 2, Gap: time.Second}, 3, now)
	for i := range 10 {
		for range 4 {
			r.Of(fmt.Sprint("n", i), log, now).Info(fmt.Sprint("first", i))
		}
	}
	if n := told(&out, "\n"); n != 3*2+2 {
		t.Errorf("%d lines, want those of three names and of all others:\n%s", n, &out)
	}
	now = now.Add(2 * time.Second)
	r.Of("n9", log, now).Info("anew")
	r.Of("n9", log, now).Info("anew")
	if told(&out, "msg=anew\n") != 2 {
		t.Errorf("a name has no credit of its own when others have theirs back:\n%s", &out)
	}
	for i := range 3 {
		r.Of(fmt.Sprint("m", i), log, now).Info("others")
	}
	if what := fmt.Sprintf("lines_left_out=%d\n", 3*2+7*4-2); told(&out, what) != 1 || len(r.named) != 3 {
		t.Errorf("%d names, and no line with %q:\n%s", len(r.named), what, &out)
	}
}
