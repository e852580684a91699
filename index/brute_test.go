package index

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cairn/index/analysis"
	"cairn/index/query"
	"cairn/mailstore"
)

// scanned is a message as the brute-force answer sees it: what doc/query.md says of a query is
// asked of one message after another, without lists, limits or an order of evaluation.
type scanned struct {
	*document
	labels []string
}

func (m scanned) has(label string) bool { return slices.Contains(m.labels, label) }

// matches is the meaning of a query that was resolved.
func (m scanned) matches(q query.Q, now time.Time) bool {
	switch q := q.(type) {
	case query.All:
		return true
	case query.And:
		return !slices.ContainsFunc(q.List, func(q query.Q) bool { return !m.matches(q, now) })
	case query.Or:
		return slices.ContainsFunc(q.List, func(q query.Q) bool { return m.matches(q, now) })
	case query.Not:
		return !m.matches(q.Q, now)
	case query.Label:
		return m.has(q.Name)
	case query.Has:
		return m.hasAttachment
	case query.Size:
		return q.Larger && m.size > q.Bytes || !q.Larger && m.size < q.Bytes
	case query.Date:
		at := m.date
		if q.Received {
			at = m.received
		}
		return !at.Before(q.From) && (q.To.IsZero() || at.Before(q.To))
	case query.Age:
		return m.received.Before(q.Since(now)) != q.Newer
	case query.Field:
		return m.reads(q.Q, []field{fieldNumbers[q.Name]})
	}
	return m.reads(q, plainFields)
}

// reads tells whether one of the fields has what a query of text asks for.
func (m scanned) reads(q query.Q, fields []field) bool {
	switch q := q.(type) {
	case query.And:
		return !slices.ContainsFunc(q.List, func(q query.Q) bool { return !m.reads(q, fields) })
	case query.Or:
		return slices.ContainsFunc(q.List, func(q query.Q) bool { return m.reads(q, fields) })
	case query.Not:
		return !m.reads(q.Q, fields)
	}
	return slices.ContainsFunc(fields, func(f field) bool { return len(m.occurrences(q, f, 0)) > 0 })
}

// occurrences are the sets of places in a field at which q stands, each sorted.
func (m scanned) occurrences(q query.Q, f field, distance int) (all [][]int) {
	switch q := q.(type) {
	case query.Near:
		return m.together([]query.Q{q.Left, q.Right}, f, q.Distance)
	case query.And:
		return m.together(q.List, f, distance)
	case query.Or:
		for _, part := range q.List {
			all = append(all, m.occurrences(part, f, distance)...)
		}
		return all
	}
	var text string
	prefix := false
	switch q := q.(type) {
	case query.Term:
		text = q.Text
	case query.Phrase:
		text = q.Text
	case query.Prefix:
		text, prefix = q.Text, true
	}
	stands := func(at int, word string, prefix bool) bool {
		for key, places := range m.terms {
			same := key.term == word || prefix && strings.HasPrefix(key.term, word)
			if key.field == f && same && slices.Contains(places, uint32(at)) {
				return true
			}
		}
		return false
	}
	whole := analysis.Whole(text)
	for way, words := range append([][]analysis.Token{wordsOf(text, f)}, analysis.Alternatives(text)...) {
		first, length := 0, 1
		if len(words) > 0 {
			first = words[0].Position
			length = words[len(words)-1].Position - first + 1
		}
		for at := range m.end() {
			found := len(words) > 0
			for i, w := range words {
				found = found && stands(at+w.Position-first, w.Term, prefix && i == len(words)-1 || analysis.Single(w.Term))
			}
			if found || way == 0 && slices.Contains(wholeFields, f) && whole != "" && stands(at, whole, prefix) {
				var places []int
				for i := range length {
					places = append(places, at+i)
				}
				all = append(all, places)
			}
		}
	}
	return all
}

// end is behind all places of all fields.
func (m scanned) end() (end int) {
	for _, places := range m.terms {
		end = max(end, int(places[len(places)-1])+1)
	}
	return end
}

// together are the unions of an occurrence of each part, of other words each and each within the
// distance of those before it.
func (m scanned) together(parts []query.Q, f field, distance int) (all [][]int) {
	all = m.occurrences(parts[0], f, distance)
	for _, part := range parts[1:] {
		var joined [][]int
		next := m.occurrences(part, f, distance)
		for _, a := range all {
			for _, b := range next {
				gap := max(b[0]-a[len(a)-1], a[0]-b[len(b)-1])
				if gap <= distance && !slices.ContainsFunc(a, func(at int) bool { return slices.Contains(b, at) }) {
					both := append(slices.Clone(a), b...)
					slices.Sort(both)
					joined = append(joined, both)
				}
			}
		}
		all = joined
	}
	return all
}

// drawQuery draws a query over words a to e, of which some are labels.
func drawQuery(t *rapid.T, depth int, places bool) query.Q {
	word := func() string {
		return rapid.SampledFrom([]string{"a", "b", "c", "d", "ab", "work", "inbox", "1,234", "1234", "a_b", "中", "文中", "a-b", "a.b@c.d", "***", "--"}).Draw(t, "word")
	}
	list := func(places bool) []query.Q {
		l := make([]query.Q, rapid.IntRange(2, 3).Draw(t, "parts"))
		for i := range l {
			l[i] = drawQuery(t, depth-1, places)
		}
		return l
	}
	near := func() query.Q {
		return query.Near{Left: drawQuery(t, depth-1, true), Right: drawQuery(t, depth-1, true), Distance: rapid.IntRange(1, 5).Draw(t, "distance")}
	}
	leaf := func() query.Q {
		switch rapid.IntRange(0, 3).Draw(t, "leaf") {
		case 0:
			return query.Phrase{Text: word() + " " + word()}
		case 1:
			return query.Prefix{Text: word()}
		}
		return query.Term{Text: word()}
	}
	if depth == 0 {
		return leaf()
	}
	if places {
		switch rapid.IntRange(0, 4).Draw(t, "place") {
		case 0:
			return query.And{List: list(true)}
		case 1:
			return query.Or{List: list(true)}
		case 2:
			return near()
		}
		return leaf()
	}
	switch rapid.IntRange(0, 9).Draw(t, "kind") {
	case 0, 1:
		return query.And{List: list(false)}
	case 2, 3:
		return query.Or{List: list(false)}
	case 4:
		return query.Not{Q: drawQuery(t, depth-1, false)}
	case 5, 6:
		return near()
	case 7:
		name := rapid.SampledFrom([]query.FieldName{query.Subject, query.Body, query.From, query.Filename, query.Attachment, query.To, query.ID}).Draw(t, "field")
		return query.Field{Name: name, Q: query.Or{List: []query.Q{near(), query.Not{Q: leaf()}, query.And{List: []query.Q{leaf(), query.Not{Q: leaf()}}}}}}
	case 8:
		return rapid.SampledFrom([]query.Q{
			query.Label{Name: "work"}, query.Label{Name: "deleted"}, query.Has{What: query.HasAttachment}, query.Size{Larger: true, Bytes: 220}, query.Size{Bytes: 220},
			query.Age{Newer: true, Count: 3, Unit: 'd'}, query.Age{Count: 2, Unit: 'w'},
			query.Date{From: time.Date(2026, 5, 3, 0, 0, 0, 0, time.UTC)}, query.Date{To: time.Date(2026, 5, 9, 0, 0, 0, 0, time.UTC), Received: true},
		}).Draw(t, "condition")
	}
	return leaf()
}

// TestBruteForce compares answers with those of looking at each message by itself: of random
// queries, while mail comes, gets other labels and goes.
func TestBruteForce(t *testing.T) {
	b := newBed(t)
	defer func(few int) { fewHits = few }(fewHits)
	accounts := 0
	rapid.Check(t, func(rt *rapid.T) {
		b.update(func(tx *mailstore.Tx) error {
			accounts++
			a, err := tx.AddAccount(fmt.Sprintf("account%d", accounts), nil)
			b.account = a.ID
			return err
		})
		known := make(map[mailstore.MessageID]scanned)
		now := time.Date(2026, 5, 10, 15, 0, 0, 0, time.UTC)
		fewHits = rapid.SampledFrom([]int{0, 2, 512}).Draw(rt, "few")
		words := func(n int) string {
			return strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "d", "ab", "work", "inbox", "--", "x", "1,234", "1234", "a_b", "中文", "中文中", "a-b", "2,345"}), 0, n).Draw(rt, "text"), " ")
		}
		labels := func() []string {
			return rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"inbox", "work", "deleted"}), 0, 3, rapid.ID).Draw(rt, "labels")
		}
		for range rapid.IntRange(1, 3).Draw(rt, "rounds") {
			b.update(func(tx *mailstore.Tx) error {
				for range rapid.IntRange(1, 6).Draw(rt, "mails") {
					raw := fmt.Sprintf("From: %s <a.b@c.d>\nSubject: %s\nDate: %s\n", words(2), words(6), now.AddDate(0, 0, -rapid.IntRange(-5, 20).Draw(rt, "date")).Format(time.RFC1123Z))
					if rapid.Bool().Draw(rt, "attached") {
						raw += fmt.Sprintf("MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"=\"\n\n--=\n\n%s\n--=\nContent-Type: text/plain\nContent-Disposition: attachment; filename=\"%s.b\"\n\n%s\n--=--\n", words(20), words(1), words(3))
					} else {
						raw += "\n" + words(30) + "\n"
					}
					blob, err := tx.PutBlob([]byte(raw))
					if err != nil {
						return err
					}
					m := mailstore.Message{Account: b.account, Blob: blob, Size: int64(len(raw)), Received: now.AddDate(0, 0, -rapid.IntRange(0, 20).Draw(rt, "received"))}
					on := labels()
					id, err := tx.AddMessage(m, on)
					if err != nil {
						return err
					}
					known[id] = scanned{newDocument(m, []byte(raw)), on}
				}
				return nil
			})
			var all []mailstore.MessageID
			for id := range known {
				all = append(all, id)
			}
			slices.Sort(all)
			id := rapid.SampledFrom(all).Draw(rt, "changed")
			b.update(func(tx *mailstore.Tx) error {
				if rapid.Bool().Draw(rt, "goes") {
					delete(known, id)
					return tx.RemoveMessage(b.account, id)
				}
				on := labels()
				off := slices.DeleteFunc([]string{"inbox", "work", "deleted"}, func(l string) bool { return slices.Contains(on, l) })
				known[id] = scanned{known[id].document, on}
				return tx.SetLabels(b.account, id, on, off)
			})
			b.sync()
			for range 6 {
				q := drawQuery(rt, rapid.IntRange(0, 3).Draw(rt, "depth"), false)
				result, err := b.ix.Search(context.Background(), Request{Account: b.account, Query: q, Now: now})
				if err != nil {
					rt.Fatalf("%s: %v", q, err)
				}
				deleted := false
				query.Walk(result.Query, func(q query.Q) { deleted = deleted || q == query.Q(query.Label{Name: "deleted"}) })
				var places []Place
				for id, m := range known {
					if (deleted || !m.has("deleted")) && m.matches(result.Query, now) {
						places = append(places, Place{min(m.date.Unix(), m.received.Unix()), mailstore.Ref{Account: b.account, Message: id}})
					}
				}
				slices.SortFunc(places, func(a, b Place) int {
					return cmp.Or(cmp.Compare(b.At, a.At), cmp.Compare(b.Message, a.Message))
				})
				var want []mailstore.Ref
				for _, p := range places {
					want = append(want, p.Ref)
				}
				if !slices.Equal(result.Hits, want) || result.Total != len(want) || result.Next != nil {
					rt.Fatalf("%s, understood as %s: finds %v, want %v", q, result.Query, result.Hits, want)
				}
				var paged []mailstore.Ref
				limit := rapid.IntRange(1, 3).Draw(rt, "limit")
				for after := (*Place)(nil); ; {
					page, err := b.ix.Search(context.Background(), Request{Account: b.account, Query: q, Now: now, Limit: limit, After: after})
					if err != nil || page.Total != len(want) || len(page.Hits) > limit {
						rt.Fatalf("%s: page behind %v: %+v, %v", q, after, page, err)
					}
					paged = append(paged, page.Hits...)
					if after = page.Next; after == nil {
						break
					}
				}
				if !slices.Equal(paged, want) {
					rt.Fatalf("%s: in pages of %d %v, want %v", q, limit, paged, want)
				}
			}
		}
	})
}
