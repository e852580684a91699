// Package maillog has how lines of the log tell of a mail. The keys are the same everywhere:
//
//	mail       its id: in the 250, in Received, of its queue entries, in reports
//	sent_as    the id that the peer gave it, as its Received says
//	from, to   of the envelope
//	size       octets
//	verdict    of an arrival
//	took       since it began to come in here
//	err        what went wrong
//
// Neither text of mail nor internal secrets are in them.
package maillog

import (
	"fmt"
	"log/slog"
	"strings"
)

// Discard is for parts that were given no log.
var Discard = slog.New(slog.DiscardHandler)

// To tells recipients: the one, or the first and how many more.
func To(rcpts []string) string {
	switch len(rcpts) {
	case 0:
		return ""
	case 1:
		return rcpts[0]
	}
	return fmt.Sprintf("%s and %d more", rcpts[0], len(rcpts)-1)
}

// Clipped bounds to 300 octets what others say, for the log and for reasons in the queue.
func Clipped(s string) string { return strings.ToValidUTF8(s[:min(len(s), 300)], "") }
