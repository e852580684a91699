package node

import (
	"context"
	"log/slog"

	"cairn/node/api"
)

// RunOptions are the parts of a run that the command line decides.
type RunOptions struct {
	Log   *slog.Logger           // where the node logs; nil discards
	Ready func(status api.Status) // called once when the node serves; may be nil
}

// Run opens the node in dir, serves until ctx is done and shuts down in
// order. It returns nil after a clean shutdown.
func Run(ctx context.Context, dir string, o RunOptions) error {
	return nil
}
