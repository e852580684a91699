package record

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// replyPrefixes are what mail programs in their languages put in front of the subject of an answer or of a mail
// that is sent on, without its colon.
var replyPrefixes = []string{
	"Re", "Fwd", "Fw", "Forward",
	"Aw", "Antw", "Wg", "Doorst", // German, Dutch
	"Sv", "Vs", "Vb", "Vl", "Vid", "Fs", // Danish, Finnish, Icelandic, Norwegian, Swedish
	"Tr", "Rép", "Rv", "Reenv", "Res", "Enc", // French, Portuguese, Spanish
	"Rif", "Inoltra", // Italian: its "R" and "I" are words too
	"Odp", "Pd", "Odg", "Vá", "Atb", "Ats", "Bls", "Trs", // Polish, Croatian, Hungarian, Latvian, Lithuanian, Indonesian
	"Ynt", "İlt", "İLT", "ilt", // Turkish
	"Απ", "Σχετ", "Πρθ", "Отв", "Ответ", "Пересл", // Greek, Russian
	"השב", "הועבר", "رد", // Hebrew, Arabic
	"回复", "回覆", "答复", "答覆", "转发", "轉發", "轉寄", "返信", "転送", "회신", "전달", // Chinese, Japanese, Korean
}

// repliesCounted is how many answers some programs say that there were: Re[2], Re(2), Re^2.
var repliesCounted = regexp.MustCompile(`^(?:\[\d{1,3}\]|\(\d{1,3}\)|\^\d{1,3})$`)

// spelled are the spellings of "Re:" for which list software puts that, in the languages that it knows; usual are
// those of most programs; and respelled those with how many answers there were.
var (
	spelled   = []string{"Re:", "RE:", "re:", "Aw:", "AW:", "Sv:", "SV:", "Vs:", "VS:", "Antw:", "ANTW:"}
	usual     = []string{"Re:", "RE:", "AW:", "SV:"}
	respelled = func() (list []string) {
		for _, prefix := range spelled {
			list = append(list, prefix)
			for count := 2; count <= 9; count++ {
				list = append(list, fmt.Sprintf("%s[%d]:", strings.TrimSuffix(prefix, ":"), count))
			}
		}
		return list
	}()
)

// isReplyPrefix reports whether a word is one of them, with its colon.
func isReplyPrefix(word string) bool {
	bare, narrow := strings.CutSuffix(word, ":")
	if !narrow {
		var wide bool
		if bare, wide = strings.CutSuffix(word, "："); !wide {
			return false
		}
	}
	if at := strings.IndexAny(bare, "[(^"); at >= 0 && repliesCounted.MatchString(bare[at:]) {
		bare = bare[:at]
	}
	return slices.ContainsFunc(replyPrefixes, func(prefix string) bool { return strings.EqualFold(bare, prefix) })
}

// behindReplies is where a subject begins behind its reply prefixes.
func behindReplies(subject string) (at int) {
	for {
		rest := subject[at:]
		word, _, _ := strings.Cut(strings.TrimLeft(rest, " \t"), " ")
		if !isReplyPrefix(word) {
			return len(subject) - len(strings.TrimLeft(rest, " \t"))
		}
		at += strings.Index(rest, word) + len(word)
	}
}

// maxAnswer is how many octets the subject of an answer may have: a line of RFC 5322 section 2.1.1. What it was
// made of is tried many times.
const maxAnswer = 998

// answer takes the subject of an answer apart, as list software writes it: one "Re:", and in front of it or
// behind a tag or none.
func answer(subject string) (tag, words string, ok bool) {
	if len(subject) > maxAnswer {
		return "", "", false
	}
	before, tag, after, tagged := cutTag(subject)
	if !tagged {
		after = subject
	}
	rest := joinWords(before, after)
	if len(rest) < 4 || !strings.EqualFold(rest[:4], "re: ") {
		return "", "", false
	}
	return tag, rest[4:], true
}

// isAnswered reports whether the recorded subject is one of which list software makes such an answer: with the
// tag behind "Re:", which was written in one of these ways, or with two of them in a row or around the tag.
func isAnswered(r *recorded, tag, words string, ways []string) bool {
	last := []byte(words)
	is := func(pieces ...string) bool {
		front := strings.Join(slices.DeleteFunc(pieces, func(s string) bool { return s == "" }), " ")
		if words != "" {
			front += " "
		}
		return r.isRow([]byte(front), last)
	}
	return slices.ContainsFunc(ways, func(first string) bool {
		return is(first, tag) || slices.ContainsFunc(ways, func(second string) bool {
			return is(first, tag, second) || tag != "" && is(first, second, tag)
		})
	})
}
