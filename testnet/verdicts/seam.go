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
	next := 0
	for _, f := range fieldsOf(raw) {
		if f.name == "received" {
			values, at, next = append(values, f.value), append(at, f.at), f.end
		}
	}
	return values, append(at, next)
}

// headerField is a field as it stands in a header.
type headerField struct {
	name, value string // in lower case; with its white space collapsed
	at, end     int    // octets in the message
	folded      bool
}

// fieldsOf returns the fields of a header; a line that is none ends the one above it.
func fieldsOf(raw []byte) (list []headerField) {
	inside := false
	for rest := raw; len(rest) > 0; {
		line, after := grammar.CutLine(rest)
		start := len(raw) - len(rest)
		rest = after
		if len(line) == 0 {
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			if inside {
				last := &list[len(list)-1]
				last.value, last.end, last.folded = last.value+" "+string(line), len(raw)-len(rest), true
			}
			continue
		}
		name, value, found := strings.Cut(string(line), ":")
		if inside = found; inside {
			name = strings.ToLower(strings.TrimRight(name, " \t"))
			list = append(list, headerField{name: name, value: value, at: start, end: len(raw) - len(rest)})
		}
	}
	for i := range list {
		list[i].value = strings.Join(strings.Fields(list[i].value), " ")
	}
	return list
}

// unfolds reports whether the way from original to received unfolds a header, and so would have
// unfolded a record: no field that was folded, and says the same, is folded still.
func unfolds(original, received []byte) bool {
	was := map[string]bool{}
	for _, f := range fieldsOf(original) {
		if f.folded {
			was[f.name+":"+f.value] = true
		}
	}
	kept := 0
	for _, f := range fieldsOf(received) {
		switch {
		case !was[f.name+":"+f.value]:
		case f.folded:
			return false
		default:
			kept++
		}
	}
	return kept > 0
}

// folds are between the lines of a record.
var folds = []byte("\r\n ")

// sealed is raw with the record of a draft at a place of its header, in the line ends of raw, and in
// one line if it was unfolded on the way.
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
