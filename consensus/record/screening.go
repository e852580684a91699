package record

import (
	"regexp"
	"slices"
	"strings"
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

// screeningTag is one of them, or of spam how much, as such programs write it, with a blank or nothing behind.
var screeningTag = func() *regexp.Regexp {
	var quoted []string
	for _, words := range screeningWords {
		quoted = append(quoted, regexp.QuoteMeta(words))
	}
	slices.SortFunc(quoted, func(a, b string) int { return len(b) - len(a) }) // the longest first
	words := `(?:(?:warning|caution): ?)?(?:spam(?: score)?:? \d{1,2}(?:\.\d{1,2})?|` + strings.Join(quoted, "|") + `)`
	inner := `[!?:* -]{0,4}` + words + `[!?:* -]{0,4}`
	return regexp.MustCompile(`^(?i)(?:(?:\[` + inner + `\]|\(` + inner + `\)|\{` + inner + `\}|<` + inner + `>|\*{1,8} ?` + words + `[!?]? ?\*{1,8})(?: ?[:-])?|` +
		words + ` ?[:>])(?: |$)`)
}()

// cutScreening cuts a tag of a program that screens mail off the front of a subject.
func cutScreening(s string) (tag, after string, ok bool) {
	tag = strings.TrimSuffix(screeningTag.FindString(s), " ")
	if tag == "" || strings.ContainsFunc(tag, func(r rune) bool { return r >= 0x80 }) { // as letters that fold to those of ASCII
		return "", "", false
	}
	return tag, s[len(tag):], true
}

// beyondScreening are the tags, with a blank between, that are of no such program: what those say is nothing of
// the mail's own.
func beyondScreening(tags string) string {
	var others []string
	for rest := tags; rest != ""; {
		_, tag, after, ok := cutTag(rest)
		if !ok {
			return tags
		}
		if _, _, screened := cutScreening(tag); !screened {
			others = append(others, tag)
		}
		rest = strings.TrimSpace(after)
	}
	return strings.Join(others, " ")
}
