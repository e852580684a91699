package node

import (
	"context"
	"runtime/debug"
	"time"

	"cairn/mailstore/textroom"
	"cairn/mailstore/wake"
	"cairn/node/api"
)

// Bytes of mail text that are in memory at one time. Those of mail that is coming in are also at
// least as many as one message may have.
const (
	incomingBytes = 256 << 20 // over SMTP, and from local programs
	carriedBytes  = 256 << 20 // on its way to others
	apartBytes    = 64 << 20  // being indexed or recorded
)

const (
	// muchText is from how many bytes on what was used of memory for mail is given back to the
	// system when it is over.
	muchText = 4 << 20
	// trimAfter is how long less than that has to be in use before.
	trimAfter = 3 * time.Second
	// holdWait is how long who sends a mail from here waits for memory.
	holdWait = 10 * time.Second
)

// memory is what the text of mail is counted in, wherever it is in this node.
type memory struct {
	incoming, carried, apart *textroom.Room
	busy                     chan struct{} // much is in use; capacity 1
	free                     func()
	after                    time.Duration
}

func newMemory(maxMessage int64) *memory {
	incoming := max(incomingBytes, maxMessage+traceRoom)
	all := textroom.New(incoming + carriedBytes + apartBytes)
	m := &memory{
		incoming: all.Part(incoming), carried: all.Part(carriedBytes), apart: all.Part(apartBytes),
		busy: make(chan struct{}, 1), free: debug.FreeOSMemory, after: trimAfter,
	}
	all.Watch(func(used int64) {
		if used >= muchText {
			wake.Up(m.busy)
		}
	})
	return m
}

// trims are after how many times trimAfter memory is given back, each counted from the one before:
// again for what follows on a mail, the record, the copy that is carried, the index and what the
// databases write later. All of it is over within a minute.
var trims = []int{1, 1, 3, 9}

// trim gives memory back to the system after much of it was in use, until ctx is done. The garbage
// that large mails leave would else stay resident for hours: what a quiet node allocates is far
// from what starts the collector.
func (m *memory) trim(ctx context.Context) error {
	next := len(trims) // nothing to give back
	quiet := time.NewTimer(m.after)
	defer quiet.Stop()
	for {
		var over <-chan time.Time
		if next < len(trims) {
			over = quiet.C
		}
		select {
		case <-ctx.Done():
			return nil
		case <-m.busy:
			next = 0
		case <-over:
			m.free()
			next++
		}
		if next < len(trims) {
			quiet.Reset(time.Duration(trims[next]) * m.after)
		}
	}
}

// Hold waits a while for memory for a request that carries a message.
func (n *Node) Hold(ctx context.Context, bytes int64) (release func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, holdWait)
	defer cancel()
	taken, err := n.memory.incoming.Take(ctx, bytes)
	if err != nil {
		return nil, api.Errorf(api.CodeTryLater, "send it again in a while", "taking a message of %d bytes: too much mail is coming in at this moment", bytes)
	}
	return func() { n.memory.incoming.Give(taken) }, nil
}
