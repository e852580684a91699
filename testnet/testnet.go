package testnet

import (
	"context"
	"io"
)

// Options says what kind of network Run makes and what it does with it.
type Options struct {
	Orgs   int       // organisations, one node each; 2 to 16, 3 when zero
	Dir    string    // where the nodes keep their data; a temporary folder, removed at the end, when empty
	Exit   bool      // end after the story instead of staying up until the context is done
	JSON   bool      // write one JSON document instead of the story in words
	Corpus string    // folder of messages to send through org 1's gateway to org 2; empty: none
	Out    io.Writer // where the story goes
	Err    io.Writer // where progress goes
}

// Run starts the network, tells its story on o.Out and, unless o.Exit is set,
// keeps it up until ctx is done. It returns an error when any step of the
// story did not come out as it should.
func Run(ctx context.Context, o Options) error {
	return nil
}
