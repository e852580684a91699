package query

import (
	"slices"
	"strings"

	"cairn/consensus/record"
)

// verdicts are the words that verdict: takes, in the order in which they are listed to people.
var verdicts = func() (words []string) {
	for _, v := range record.Verdicts() {
		words = append(words, string(v))
	}
	return words
}()

// verdictNamed is the condition verdict:x. A word that is no verdict finds nothing for ever, so it
// is an error.
func verdictNamed(v token) (Q, error) {
	word := strings.ToLower(v.text)
	if slices.Contains(verdicts, word) {
		return Label{VerdictPrefix + word}, nil
	}
	return nil, faultAt(v.pos, "there is no verdict %q%s verdicts are %s", v.text, meant(word, "verdict:", "", verdicts), strings.Join(verdicts, " "))
}
