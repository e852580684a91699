package index

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cairn/mailstore/logration"
)

// An index that waits at what it cannot read says so once a minute, however often it tries.
func TestStoppedIndexTellsOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		ix := &Index{log: slog.New(slog.NewTextHandler(&log, nil))}
		var trouble logration.Trouble
		damaged := errors.New("a change of the journal is damaged")
		begun := time.Now()
		for retry := firstRetry; time.Since(begun) < 150*time.Second; retry = min(2*retry, lastRetry) {
			ix.stopped(&trouble, damaged, retry)
			<-time.After(retry)
		}
		if n := strings.Count(log.String(), damaged.Error()); n != 2 {
			t.Errorf("told %d times in 150 s:\n%s", n, &log)
		}
		ix.stopped(&trouble, errors.New("the disk is full"), firstRetry)
		if !strings.Contains(log.String(), "the disk is full") {
			t.Errorf("other trouble is not told:\n%s", &log)
		}
	})
}
