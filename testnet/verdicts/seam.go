package verdicts

import (
	"bytes"
	"crypto/ed25519"
	"slices"
	"strings"

	"cairn/consensus/record"
	"cairn/consensus/recorder"
	"cairn/mailstore/message"
	"cairn/mailstore/message/grammar"
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
	next, inside := 0, false
	for rest := raw; len(rest) > 0; {
		line, after := grammar.CutLine(rest)
		start := len(raw) - len(rest)
		rest = after
		if len(line) == 0 {
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			if inside {
				values[len(values)-1] += " " + string(line)
				next = len(raw) - len(rest)
			}
			continue
		}
		name, value, found := strings.Cut(string(line), ":")
		if inside = found && strings.EqualFold(strings.TrimRight(name, " \t"), "received"); inside {
			values, at = append(values, value), append(at, start)
			next = len(raw) - len(rest)
		}
	}
	for i := range values {
		values[i] = strings.Join(strings.Fields(values[i]), " ")
	}
	return values, append(at, next)
}

// sealed is raw with the record of a draft at a place of its header, in the line ends of raw.
func sealed(raw []byte, place int, key ed25519.PrivateKey, draft recorder.Draft) []byte {
	_, tokens := recorder.Tokens(key, recorder.Place{Chain: chainID, Seq: 1}, []recorder.Draft{draft})
	header := tokens[0].Header()
	if i := bytes.IndexByte(raw, '\n'); i >= 0 && !bytes.HasSuffix(raw[:i], []byte("\r")) {
		header = bytes.ReplaceAll(header, []byte("\r\n"), []byte("\n"))
	}
	return slices.Concat(raw[:place], header, raw[place:])
}
