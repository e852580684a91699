package record

import (
	"regexp"
	"slices"
	"strings"
	"sync"
)

// screeningWords are what programs that screen mail call it in front of its subject, in any case.
var screeningWords = []string{
	"spam", "possible spam", "possibly spam", "probable spam", "probably spam", "likely spam", "maybe spam", "suspected spam",
	"spam suspect", "spamverdacht", "junk", "junk mail", "bulk", "graymail", "marketing", "suspect", "suspicious", "suspicious message",
	"unchecked", "virus", "virus checked", "phishing", "possible phishing", "suspected phishing", "disarmed",
	"dangerous content", "blocked content", "attachment removed", "attachments removed", "attachment stripped", "attachment blocked",
	"ext", "external", "external email", "external e-mail", "external mail", "external message", "external sender",
	"extern", "externe", "externe mail", "externe e-mail", "externer absender", "externo", "esterno",
}

// wrappedWords are what they call it in brackets or between stars alone: without, they begin
// subjects.
var wrappedWords = []string{
	"a/v unscannable", "unscannable", "virus removed", "message encrypted", "encrypted", "infected", "filename", "fraud", "size", "definitely spam", "外部",
}

// screeningTag is one of them, or of spam how much, as such programs write it, with a blank or
// nothing behind. It is long, and most commands need none.
var screeningTag = sync.OnceValue(func() *regexp.Regexp {
	of := func(lists ...[]string) string {
		var quoted []string
		for _, words := range slices.Concat(lists...) {
			quoted = append(quoted, regexp.QuoteMeta(words))
		}
		slices.SortFunc(quoted, func(a, b string) int { return len(b) - len(a) }) // the longest first
		return `(?:(?:warning|caution) ?: ?)?(?:spam(?: score)?:? \d{1,2}(?:\.\d{1,2})?|` + strings.Join(quoted, "|") + `)`
	}
	bare, wrapped := of(screeningWords), of(screeningWords, wrappedWords)
	inner := `(?:\x{26a0}\x{fe0f}? )?[!?:* -]{0,4}` + wrapped + `[!?:* -]{0,4}`
	return regexp.MustCompile(`^(?i)(?:(?:(?:\[` + inner + `\]|［` + inner + `］|\(` + inner + `\)|\{` + inner + `\}|<` + inner + `>|\*{1,8} ?` + wrapped + `[!?]? ?\*{1,8})(?: ?[:-])?|` +
		bare + `(?: ?[:>]| -))(?: |$)|【` + inner + `】(?: |$|\pL))`)
})

// beyondTag is what no such tag comes near, in octets: what a subject has behind is not looked at.
const beyondTag = 256

// cutScreening cuts a tag of a program that screens mail off the front of a subject.
func cutScreening(s string) (tag string, ok bool) {
	tag = screeningTag().FindString(s[:min(len(s), beyondTag)])
	if at := strings.Index(tag, "】"); at >= 0 { // what stands behind has to be no part of a number
		tag = tag[:at+len("】")]
	}
	tag = strings.TrimSuffix(tag, " ")
	if tag == "" || strings.ContainsFunc(tag, func(r rune) bool { return r == 'ſ' || r == '\u212a' }) { // as letters that fold to those of ASCII
		return "", false
	}
	return tag, true
}

// beyondScreening are the tags, with a blank between, that are of no such program: what those say
// is nothing of the mail's own.
func beyondScreening(tags string) string {
	var others []string
	for rest := tags; rest != ""; {
		_, tag, after, ok := cutTag(rest)
		if !ok {
			return tags
		}
		if _, screened := cutScreening(tag); !screened {
			others = append(others, tag)
		}
		rest = strings.TrimSpace(after)
	}
	return strings.Join(others, " ")
}
