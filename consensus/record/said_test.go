package record_test

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"cairn/consensus/record"
	"cairn/mailstore/message"
)

// TestWhatPassesIsSaid: of a mail that may be wanted all words that were added to what people see
// of it stand in the sentence about it, or in the reasons.
func TestWhatPassesIsSaid(t *testing.T) {
	eachScript(t, func(t *testing.T, file string) {
		s := readScript(t, file)
		for name, c := range s.says {
			said := strings.Join(slices.Concat(c.Differences(), c.Quoted()), "\n")
			switch {
			case c.Forwarded():
				said = c.Words("Jo")
			case c.Version < record.RecordVersion || !c.MayBeWanted():
				continue
			}
			for _, word := range wordsAround(c, s.part) {
				if !strings.Contains(said, word) {
					t.Errorf("%s: %q around is nowhere in %s", name, word, said)
				}
			}
			for _, p := range c.Parts {
				if p.Outcome == record.Same || p.Decides {
					continue
				}
				for _, word := range addedWords(p, s.part) {
					if !strings.Contains(said, word) {
						t.Errorf("%s: %s: %q is nowhere in %s", name, p.Type, word, said)
					}
				}
			}
		}
	})
}

var markup = regexp.MustCompile(`(?s)<!--.*?-->|<[^>]*>`)

// addedWords are those that a part says were added, and of names those that were not there, as
// reasons quote them.
func addedWords(p record.Part, mail map[string][]byte) (words []string) {
	text, before := p.Added, ""
	switch field := message.Type(p.Index); {
	case p.Type == message.Names && p.Kind != record.AuthorsName && p.Kind != record.NameVia:
		text, before = namesOf(mail["received"], field), namesOf(mail["sent"], message.From)+namesOf(mail["sent"], field)
	case p.Type == message.HTML:
		text = markup.ReplaceAllString(text, " ")
	case p.Type == message.Fields && (!message.ActedUpon(p.Field) || p.Silent || p.Kind != record.Added):
		return nil
	}
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) }) {
		if quoted := strconv.Quote(word); !strings.Contains(before, word) {
			words = append(words, quoted[1:len(quoted)-1])
		}
	}
	return words
}

// wordsAround are those of the names and of Sender around a mail that was wrapped which neither it
// nor the list's address has, but for what lists put beside that.
func wordsAround(c record.Comparison, mail map[string][]byte) (words []string) {
	around, inside, _ := strings.Cut(string(mail["received"]), "\n\n")
	wraps := func(p record.Part) bool { return p.Kind == record.WrappedWhole || p.Kind == record.Enclosed }
	if !slices.ContainsFunc(c.Parts, wraps) {
		return nil
	}
	known := strings.ToLower(inside + string(mail["context"]) + " via bounces of")
	header := message.ParseHeader([]byte(around + "\n\n"))
	text := namesOf([]byte(around+"\n\n"), message.From) + namesOf([]byte(around+"\n\n"), message.ReplyTo) +
		namesOf([]byte(around+"\n\n"), message.To) + namesOf([]byte(around+"\n\n"), message.Cc) + fmt.Sprint(header.Sender)
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) }) {
		if !strings.Contains(known, strings.ToLower(word)) {
			words = append(words, word)
		}
	}
	return words
}

func namesOf(mail []byte, field message.Type) (names string) {
	header := message.ParseHeader(mail)
	for _, m := range map[message.Type][]message.Address{
		message.From: header.From, message.ReplyTo: header.ReplyTo, message.To: header.To, message.Cc: header.Cc,
	}[field] {
		names += m.Name + " "
	}
	return names
}
