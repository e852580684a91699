package mailstore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"cairn/mailstore"
)

// A step that fails in the same way each second is told once a minute, and at once when it fails in
// another way or fails again after it went well.
func TestFollowTellsOfTheSameTroubleOnceAMinute(t *testing.T) {
	damaged, full := errors.New("damaged"), errors.New("disk full")
	steps := slices.Concat(slices.Repeat([]error{damaged}, 62), []error{full, full, damaged, nil, damaged, damaged})
	want := []string{"0 damaged", "60 damaged", "62 disk full", "64 damaged", "66 damaged"}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		wake := make(chan struct{}, 1)
		at, told := -1, []string(nil)
		step := func(context.Context) error {
			at++
			switch {
			case at == len(steps):
				cancel()
				return nil
			case steps[at] == nil:
				wake <- struct{}{}
			}
			return steps[at]
		}
		begun := time.Now()
		mailstore.Follow(ctx, wake, step, func(err error) { told = append(told, fmt.Sprint(at, " ", err)) })
		if !slices.Equal(told, want) || at != len(steps) || time.Since(begun) < time.Minute {
			t.Errorf("told %q of %d steps in %v, want %q", told, at, time.Since(begun), want)
		}
	})
}
