package verdicts

import (
	"bytes"
	"crypto/ed25519"
	"slices"

	"cairn/consensus/record"
	"cairn/consensus/recorder"
	"cairn/mailstore/message"
)

// seam finds the place in a received header where its record would stand: above what the original
// had of its way, below what was put on top since. Where the received message does not have the
// way of the original, as when both come out of archives, the way is left out of the record.
func seam(original, received []byte) (place int, wish record.Wish) {
	was, _ := hops(original)
	now, at := hops(received)
	if len(now) >= len(was) && slices.Equal(now[len(now)-len(was):], was) {
		return at[len(now)-len(was)], record.Wish{}
	}
	return 0, record.Wish{LeftOut: []message.Type{
		message.Route, message.OriginatingAddress, message.SMTPVersion,
	}}
}

// hops returns the values of the Received fields with their white space collapsed, and where each
// begins; one place more is where the header goes on below the last of them.
func hops(raw []byte) (values []string, at []int) {
	next := 0
	for _, f := range fieldsOf(raw) {
		if f.name == "received" {
			values, at, next = append(values, f.value), append(at, f.at), f.end
		}
	}
	return values, append(at, next)
}

// folds are between the lines of a record.
var folds = []byte("\r\n ")

// sealed is raw with the record of a draft at a place of its header, in the line ends of raw, and
// in one line if it was unfolded on the way.
func sealed(raw []byte, place int, key ed25519.PrivateKey, draft recorder.Draft, unfolded bool) []byte {
	_, tokens := recorder.Tokens(key, recorder.Place{Chain: chainID, Seq: 1}, []recorder.Draft{draft})
	header := tokens[0].Header()
	if unfolded {
		header = bytes.ReplaceAll(header, folds, folds[len(folds)-1:])
	}
	if i := bytes.IndexByte(raw, '\n'); i >= 0 && !bytes.HasSuffix(raw[:i], []byte("\r")) {
		header = bytes.ReplaceAll(header, []byte("\r\n"), []byte("\n"))
	}
	return slices.Concat(raw[:place], header, raw[place:])
}
