package node

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"cairn/node/api"
)

// RunOptions are the parts of a run that the command line decides.
type RunOptions struct {
	Log   *slog.Logger            // where the node logs; nil discards
	Ready func(status api.Status) // called once when the node serves; may be nil
	Now   func() time.Time        // the clock; nil: this machine's

	Alone bool // go on with the chain as it is here, whatever was seen of others: they are gone for good

	bound api.Listeners // where an earlier round listened; empty: as configured
}

// Run opens the node in dir, serves until ctx is done and shuts down in
// order. It returns nil after a clean shutdown. To take another recorder key, it
// does so once more.
func Run(ctx context.Context, dir string, o RunOptions) error {
	for {
		err := runOnce(ctx, dir, &o)
		if !errors.Is(err, errRecorderChange) {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

func runOnce(ctx context.Context, dir string, o *RunOptions) error {
	n, err := openWith(dir, *o)
	if err != nil {
		return err
	}
	defer n.Close()
	o.bound, o.Alone = n.listening(), false
	return n.Serve(ctx, func() {
		if o.Ready != nil {
			if status, err := n.Status(ctx); err == nil {
				o.Ready(*status)
			}
			o.Ready = nil // the next round is the same node's
		}
	})
}
