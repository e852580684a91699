package node

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"cairn/mailstore/diskroom"
	"cairn/node/api"
	"cairn/smtpgw/courier"
)

// RunOptions are the parts of a run that the command line decides.
type RunOptions struct {
	Log   *slog.Logger            // where the node logs; nil discards
	Ready func(status api.Status) // called once when the node serves; may be nil
	Now   func() time.Time        // the clock; nil: this machine's

	Sending courier.Sending // how mail is sent on, where a measurement wants it otherwise than usual

	// Relog takes the settings of the log when they have changed, and opens its file anew; nil: the
	// log stays as it is.
	Relog func(LogConfig) error
	// Reload is received from when the configuration is to be read anew; nil: it never is.
	Reload <-chan struct{}

	Crashes bool // keep what ends the process by a fault in the directory: the process runs this node alone

	Alone bool // go on with the chain as it is here, whatever was seen of others: they are gone for good

	bound  api.Listeners     // where an earlier round listened; empty: as configured
	socket *net.UnixListener // of an earlier round, for this one: who asks in between waits; nil: none
}

// Run opens the node in dir, serves until ctx is done and shuts down in
// order. It returns nil after a clean shutdown. To take another recorder key, it
// does so once more.
func Run(ctx context.Context, dir string, o RunOptions) error {
	for {
		err := runOnce(ctx, dir, &o)
		if !errors.Is(err, errRecorderChange) {
			o.dropSocket()
			return err
		}
		if ctx.Err() != nil {
			o.dropSocket()
			return nil
		}
	}
}

func runOnce(ctx context.Context, dir string, o *RunOptions) error {
	n, err := OpenWith(ctx, dir, *o)
	if err != nil {
		o.dropSocket()
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return nil // it was stopped before it had begun
		}
		return err
	}
	o.socket = nil
	return serveRound(ctx, n, o)
}

// dropSocket closes the socket of an earlier round that no other one takes. What lies in its place
// may be another process's.
func (o *RunOptions) dropSocket() {
	if o.socket != nil {
		o.socket.SetUnlinkOnClose(false)
		o.socket.Close()
		o.socket = nil
	}
}

// serveRound serves with n and closes it; o is then as the next round has it.
func serveRound(ctx context.Context, n *Node, o *RunOptions) (err error) {
	defer func() {
		if failed := unclosed(n.Close()); failed != nil && (err == nil || errors.Is(err, errRecorderChange)) {
			err = failed
		}
	}()
	o.bound, o.Alone = n.listening(), false
	err = n.Serve(ctx, func() {
		if o.Ready != nil {
			if status, err := n.Status(ctx); err == nil {
				o.Ready(*status)
			}
			o.Ready = nil // the next round is the same node's
		}
	})
	if errors.Is(err, errRecorderChange) && ctx.Err() == nil {
		o.socket = n.takeSocket()
	}
	return err
}

// unclosed is the error of a node that could not be closed.
func unclosed(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, diskroom.ErrFull):
		return api.Errorf(api.CodeInternal, "make room on that disk; the next start reads all of the databases first",
			"the node has stopped, and nothing is lost, but its databases could not be closed: no room is left on their disk")
	}
	return api.Errorf(api.CodeInternal, "see that the disk is well; the next start reads all of the databases first", "closing the node: %v", err)
}

// heldSocket is the node's socket as who serves on it has it: while the node goes on in this
// process, closing it only ends that, and who asks meanwhile is answered by the next round.
type heldSocket struct {
	*net.UnixListener
	goesOn func() bool
}

func (h heldSocket) Close() error {
	if h.goesOn() {
		return h.SetDeadline(time.Unix(1, 0)) // long ago: nothing is accepted any more
	}
	return h.UnixListener.Close()
}

// takeSocket takes the socket out of a node that no longer serves, open.
func (n *Node) takeSocket() *net.UnixListener {
	l := n.listen.api
	n.listen.api = nil
	return l
}
