package verdicts

import (
	"strings"

	"cairn/mailstore/message/grammar"
)

// headerField is a field as it stands in a header.
type headerField struct {
	name, value string // in lower case; with its white space collapsed
	at, end     int    // octets in the message
	folded      bool
}

// fieldsOf returns the fields of a header; a line that is none ends the one above it.
func fieldsOf(raw []byte) (list []headerField) {
	inside := false
	var colons []int
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
				last.end, last.folded = len(raw)-len(rest), true
			}
			continue
		}
		name, _, found := strings.Cut(string(line), ":")
		if inside = found; inside {
			colons = append(colons, start+len(name))
			list = append(list, headerField{name: strings.ToLower(strings.TrimRight(name, " \t")), at: start, end: len(raw) - len(rest)})
		}
	}
	for i := range list {
		list[i].value = strings.Join(strings.Fields(string(raw[colons[i]+1:list[i].end])), " ")
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
