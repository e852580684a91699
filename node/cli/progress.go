package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// stampProgress shows how long the identity stamp has been looked for, to people only. done ends
// it.
func (a *app) stampProgress() (progress func(spent, expected time.Duration), done func()) {
	if !isTerminal(a.err) {
		return nil, func() {}
	}
	bar := progressbar.NewOptions64(-1,
		progressbar.OptionSetWriter(a.err),
		progressbar.OptionSpinnerType(14),
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionClearOnFinish(),
	)
	progress = func(spent, expected time.Duration) {
		bar.Describe(fmt.Sprintf("solving the identity stamp, %v of %v on average", spent.Round(time.Second), expected.Round(time.Second)))
		bar.Add(1)
	}
	return progress, func() { bar.Finish() }
}

// octetProgress shows how many octets went through the writer that it gives, to people only; total
// is -1 if it is not known. done ends it.
func (a *app) octetProgress(doing string, total int64) (seen io.Writer, done func()) {
	if !isTerminal(a.err) {
		return io.Discard, func() {}
	}
	bar := progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(a.err),
		progressbar.OptionSetDescription(doing),
		progressbar.OptionShowBytes(true),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSpinnerType(14),
		progressbar.OptionClearOnFinish(),
	)
	return bar, func() { bar.Finish() }
}

// syncBar shows blocks catching up with the network, to people only.
type syncBar struct {
	bar  *progressbar.ProgressBar
	from uint64
}

// update redraws the bar for a height and the height to reach.
func (s *syncBar) update(a *app, height, target uint64) {
	if height >= target {
		s.finish()
		return
	}
	if s.bar == nil {
		s.from = height
		s.bar = progressbar.NewOptions64(int64(target-height),
			progressbar.OptionSetWriter(a.err),
			progressbar.OptionSetDescription("catching up"),
			progressbar.OptionShowCount(),
			progressbar.OptionSetItsString("blocks"),
			progressbar.OptionShowIts(),
			progressbar.OptionClearOnFinish(),
		)
	}
	if height < s.from || target <= s.from { // a reorganisation below where we began
		s.finish()
		return
	}
	s.bar.ChangeMax64(int64(target - s.from))
	s.bar.Set64(int64(height - s.from))
}

func (s *syncBar) finish() {
	if s.bar != nil {
		s.bar.Finish()
		s.bar = nil
	}
}

// countBar shows how many of n are done, to people only.
func (a *app) countBar(n int, done string) *progressbar.ProgressBar {
	return progressbar.NewOptions(n,
		progressbar.OptionSetWriter(a.err),
		progressbar.OptionSetVisibility(isTerminal(a.err)),
		progressbar.OptionSetDescription(done),
		progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionClearOnFinish(),
	)
}
