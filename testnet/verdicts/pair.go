package verdicts

import "strings"

// Class says what happened to a pair's message on its way.
type Class string

// The classes.
const (
	Benign  Class = "benign"  // what honest relays and lists do
	Tamper  Class = "tamper"  // somebody changed it
	Unknown Class = "unknown" // nobody says
)

// classOf reads the column of a table.
func classOf(word string) Class {
	word = strings.ToLower(strings.TrimSpace(word))
	switch {
	case word == "benign" || word == "honest":
		return Benign
	case strings.HasPrefix(word, "tamper"):
		return Tamper
	}
	return Unknown
}

// Pair is a message before and after its way.
type Pair struct {
	Name  string
	Class Class
	How   string // how it was made, for people; "" if nobody says

	Original, Received []byte
}

// source is where pairs of that kind come from: what stands before the colon.
func source(how string) string {
	before, _, found := strings.Cut(how, ":")
	if !found || strings.ContainsAny(before, " \t") {
		return ""
	}
	return before
}
