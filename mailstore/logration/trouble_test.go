package logration

import (
	"errors"
	"testing"
	"time"
)

// A full disk has another number of MB left each time, and is the same trouble.
func TestNumbersAreNoOtherTrouble(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	var trouble Trouble
	for i, tt := range []struct {
		text string
		told bool
	}{
		{"disk is almost full: 60 MB free in /mail, 64 MB must stay free", true},
		{"disk is almost full: 9 MB free in /mail, 64 MB must stay free", false},
		{"disk is almost full: 9 MB free in /chain, 64 MB must stay free", true},
	} {
		if got := trouble.News(errors.New(tt.text), now); got != tt.told {
			t.Errorf("%d: told %v, want %v", i, got, tt.told)
		}
	}
}

func TestTroubleIsToldOnceAMinute(t *testing.T) {
	one, other := errors.New("one"), errors.New("other")
	begun := time.Unix(1_800_000_000, 0)
	var trouble Trouble
	for i, tt := range []struct {
		after time.Duration
		err   error
		told  bool
	}{
		{0, one, true},
		{time.Second, one, false},
		{time.Minute - 1, one, false},
		{time.Minute, one, true},
		{time.Minute + time.Second, errors.New("one"), false},
		{time.Minute + 2*time.Second, other, true},
		{time.Minute + 3*time.Second, one, true},
		{time.Minute + 4*time.Second, nil, false},
		{time.Minute + 5*time.Second, one, true},
	} {
		if got := trouble.News(tt.err, begun.Add(tt.after)); got != tt.told {
			t.Errorf("%d: told %v, want %v", i, got, tt.told)
		}
	}
}
