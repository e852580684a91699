package mailstore

import (
	"context"
	"time"

	"cairn/mailstore/logration"
)

// followRetry is how long Follow waits after a step that failed.
const followRetry = time.Second

// Follow calls step at once and after each wake-up, until ctx is done. A step that fails is told to
// failed and tried again; the same error each time is told once a minute.
func Follow(ctx context.Context, wake <-chan struct{}, step func(context.Context) error, failed func(error)) {
	retry := time.NewTimer(0)
	defer retry.Stop()
	var trouble logration.Trouble
	for {
		select {
		case <-ctx.Done():
			return
		case <-wake:
		case <-retry.C:
		}
		err := step(ctx)
		if ctx.Err() != nil {
			return
		}
		if trouble.News(err, time.Now()) {
			failed(err)
		}
		if err != nil {
			retry.Reset(followRetry)
		}
	}
}
