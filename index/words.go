package index

import (
	"slices"

	"cairn/index/analysis"
	"cairn/index/postings"
	"cairn/index/query"
)

// wholeFields hold names and numbers that can be asked for as a whole, beside their words.
var wholeFields = []field{
	fieldNumbers[query.From], fieldNumbers[query.To], fieldNumbers[query.Cc],
	fieldNumbers[query.Filename], fieldNumbers[query.List], fieldNumbers[query.ID],
}

// searched is what a Term, Prefix or Phrase looks for in a field.
type searched struct {
	tokens []analysis.Token
	prefix bool   // the last token is the beginning of a word
	whole  string // also found as this one term; empty: not
}

// newSearched returns in how many ways there are what q looks for: the first one is as it is
// written.
func newSearched(q query.Q, f field) (all []searched) {
	var s searched
	var text string
	switch q := q.(type) {
	case query.Term:
		text = q.Text
	case query.Phrase:
		text = q.Text
	case query.Prefix:
		text, s.prefix = q.Text, true
	}
	s.tokens = wordsOf(text, f)
	for _, tokens := range analysis.Alternatives(text) {
		all = append(all, searched{tokens: tokens, prefix: s.prefix})
	}
	if slices.Contains(wholeFields, f) {
		if f == fieldNumbers[query.ID] && len(text) > 2 && text[0] == '<' && text[len(text)-1] == '>' {
			text = text[1 : len(text)-1]
		}
		s.whole = analysis.Whole(text)
	}
	return append([]searched{s}, all...)
}

// wordsOf takes apart what is looked for in a field.
func wordsOf(text string, f field) []analysis.Token {
	if f == fieldNumbers[query.Filename] {
		return analysis.NameWords(text)
	}
	return analysis.Words(text)
}

// isPrefix tells whether token i is found as the beginning of terms.
func (s searched) isPrefix(i int) bool {
	return s.prefix && i == len(s.tokens)-1 || analysis.Single(s.tokens[i].Term)
}

// length is how many places an occurrence takes.
func (s searched) length() int {
	if len(s.tokens) == 0 {
		return 1
	}
	return s.tokens[len(s.tokens)-1].Position - s.tokens[0].Position + 1
}

// words appends to list the documents in which field f has what q looks for.
func (e *evaluator) words(list []uint64, q query.Q, f field) ([]uint64, error) {
	for _, s := range newSearched(q, f) {
		var err error
		if list, err = e.oneWay(list, s, f); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// oneWay is words for one of the ways of it.
func (e *evaluator) oneWay(list []uint64, s searched, f field) ([]uint64, error) {
	var err error
	if s.whole != "" {
		if list, err = e.termDocuments(list, f, s.whole, s.prefix); err != nil {
			return nil, err
		}
	}
	switch {
	case len(s.tokens) == 0:
		return list, nil
	case len(s.tokens) == 1 && s.tokens[0].Term == s.whole && s.isPrefix(0) == s.prefix:
		return list, nil
	case len(s.tokens) == 1:
		return e.termDocuments(list, f, s.tokens[0].Term, s.isPrefix(0))
	}
	found, err := e.occurrences(s, f)
	for _, p := range found {
		list = append(list, p.Document)
	}
	return list, err
}

// termDocuments appends the documents that have a term, or one that begins with it, in a field.
func (e *evaluator) termDocuments(list []uint64, f field, term string, prefix bool) ([]uint64, error) {
	var bad error
	err := e.scan(e.termKeys(f, term, prefix), true, func(_, value []byte) bool {
		list, bad = postings.Documents(list, value)
		return bad == nil
	})
	if err == nil {
		err = bad
	}
	return list, err
}

func (e *evaluator) termKeys(f field, term string, prefix bool) []byte {
	key := termPrefix(e.account, f, term)
	if !prefix {
		key = append(key, 0)
	}
	return key
}

// termPostings returns where a term, or any that begins with it, occurs in a field, by document.
func (e *evaluator) termPostings(f field, term string, prefix bool) ([]postings.Posting, error) {
	var list []postings.Posting
	var bad error
	err := e.scan(e.termKeys(f, term, prefix), true, func(_, value []byte) bool {
		var block []postings.Posting
		block, bad = postings.Decode(value)
		list = append(list, block...)
		return bad == nil
	})
	if err == nil {
		err = bad
	}
	return postings.Merge(list), err
}

// occurrences returns where the tokens stand one after another in a field: per document the places
// of the first of them.
func (e *evaluator) occurrences(s searched, f field) ([]postings.Posting, error) {
	var found []postings.Posting
	for i, t := range s.tokens {
		if err := e.ctx.Err(); err != nil { // each can have as many places as a mail has words
			return nil, err
		}
		list, err := e.termPostings(f, t.Term, s.isPrefix(i))
		if err != nil {
			return nil, err
		}
		if i == 0 {
			found = list
		} else {
			found = postings.Follow(found, list, uint32(t.Position-s.tokens[0].Position))
		}
		if len(found) == 0 {
			return nil, nil
		}
	}
	return found, nil
}
