package mailstore

import (
	"context"
	"time"
)

// followRetry is how long Follow waits after a step that failed.
const followRetry = time.Second

// Follow calls step at once and after each wake-up, until ctx is done. A step that fails is told to
// failed and tried again.
func Follow(ctx context.Context, wake <-chan struct{}, step func(context.Context) error, failed func(error)) {
	retry := time.NewTimer(0)
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-wake:
		case <-retry.C:
		}
		if err := step(ctx); err != nil && ctx.Err() == nil {
			failed(err)
			retry.Reset(followRetry)
		}
	}
}
