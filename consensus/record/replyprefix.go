package record

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// replyPrefixes are what mail programs in their languages put in front of the subject of an answer
// or of a mail that is sent on, without its colon.
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

// spelled are the spellings of "Re:" for which list software puts that, in the languages that it
// knows; usual are those of most programs; and respelled those with how many answers there were.
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

// maxAnswer is how many octets the subject of an answer may have: a line of RFC 5322 section 2.1.1.
// What it was made of is tried many times, maxAnswers at most for each mail, and twice that for
// earlier counters.
const (
	maxAnswer  = 998
	maxAnswers = 4000
	maxPieces  = 6 // prefixes and tags at its front
)

// An answered is the subject of an answer or of a mail that was sent on, taken apart: a tag of it,
// the prefixes and other tags at its front, and the words behind.
type answered struct {
	tag    string
	pieces []string
	words  string
}

// answer takes such a subject apart, the tag in front of the prefixes or behind.
func answer(subject string) (a answered, ok bool) {
	if len(subject) > maxAnswer {
		return a, false
	}
	before, tag, after, tagged := cutTag(subject)
	if !tagged {
		after = subject
	}
	a = answered{tag: tag, words: joinWords(before, after)}
	for len(a.pieces) < maxPieces {
		piece := frontPiece(a.words)
		if piece == "" {
			break
		}
		a.pieces, a.words = append(a.pieces, piece), strings.TrimPrefix(a.words[len(piece):], " ")
	}
	return a, slices.ContainsFunc(a.pieces, isFrontPrefix)
}

// isFrontPrefix reports whether a piece at the front is a reply prefix, with a blank before its
// colon as French programs write it, too, or one of the letters of Italian ones.
func isFrontPrefix(piece string) bool {
	return isReplyPrefix(strings.Replace(piece, " ", "", 1)) || strings.EqualFold(piece, "R:") || strings.EqualFold(piece, "I:")
}

// frontPiece is the prefix or tag, with a blank or nothing behind, with which a subject begins.
func frontPiece(subject string) string {
	first, rest, _ := strings.Cut(subject, " ")
	second, _, _ := strings.Cut(rest, " ")
	switch {
	case isFrontPrefix(first):
		return first
	case (second == ":" || second == "：") && isFrontPrefix(first+second):
		return first + " " + second
	}
	if before, tag, _, ok := cutTag(subject); ok && before == "" {
		return tag
	}
	return ""
}

// isRe reports whether a piece is "Re:", which list software puts for each of its spellings, and
// for several in a row.
func isRe(piece string) bool { return strings.EqualFold(piece, "Re:") }

// inRow are the rows of so many of these prefixes.
func inRow(prefixes []string, many int) (rows [][]string) {
	rows = [][]string{nil}
	for range many {
		var longer [][]string
		for _, row := range rows {
			for _, prefix := range prefixes {
				longer = append(longer, append(slices.Clone(row), prefix))
			}
		}
		rows = longer
	}
	return rows
}

// The rows for which list software puts one "Re:": all, those of which some stand around two tags,
// and those of most answers.
var (
	wereRe     = slices.Concat(inRow(respelled, 1), inRow(spelled, 2), inRow(usual, 3))
	wereAround = slices.Concat(inRow(usual, 1), inRow(usual, 2), inRow(usual, 3))
	wereUsual  = append(inRow(usual, 1), []string{"Re:", "Re:"}, []string{"AW:", "AW:"})
)

// isAnswered reports whether the recorded subject is one of which list software makes such an
// answer: with the tag behind any of its prefixes or in front of them, once or twice, parted from
// them or not, and one of these rows for the first "Re:". All else that stands there stays in its
// place.
func (a answered) isAnswered(r *recorded, left *int) bool {
	return a.isWith(r, wereRe, 1, false, left) || a.tag != "" && (a.isWith(r, wereAround, 2, false, left) || a.isWith(r, wereRe, 1, true, left))
}

// isUsual is isAnswered for the rows of most answers, where many are tried.
func (a answered) isUsual(r *recorded, left *int) bool {
	return a.isWith(r, wereUsual, 1, false, left) || a.tag != "" && a.isWith(r, wereUsual, 1, true, left)
}

// isWith tries the rows with the tag so many times, not parted from the prefix before if it is
// close.
func (a answered) isWith(r *recorded, rows [][]string, tags int, closed bool, left *int) bool {
	rest := a.pieces
	if isRe(rest[0]) {
		rest = rest[1:]
	} else {
		rows = [][]string{nil}
	}
	words, front, pieces := []byte(a.words), []byte(nil), []string(nil)
	for _, row := range rows {
		pieces = append(append(pieces[:0], row...), rest...)
		for first := range len(pieces) + 1 {
			for second := first; second <= len(pieces); second++ {
				if a.tag == "" && second > 0 || (tags == 1) != (first == second) || closed && second == 0 {
					continue
				}
				if *left--; *left < 0 {
					return false
				}
				if front = a.front(front[:0], pieces, first, second, closed); r.isRow(front, words) {
					return true
				}
			}
		}
	}
	return false
}

// front appends what stood in front of the words, with the tag before these pieces.
func (a answered) front(b []byte, pieces []string, first, second int, closed bool) []byte {
	for i := range len(pieces) + 1 {
		if a.tag != "" && (i == first || i == second) {
			if closed {
				b = bytes.TrimSuffix(b, []byte(" "))
			}
			b = append(append(b, a.tag...), ' ')
		}
		if i < len(pieces) {
			b = append(append(b, pieces[i]...), ' ')
		}
	}
	if a.words == "" {
		return bytes.TrimSuffix(b, []byte(" "))
	}
	return b
}
