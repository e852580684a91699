package tally

import (
	"cmp"
	"slices"

	"cairn/smtpgw/reports"
)

// maxRows is of how many kinds of mail in the name of one domain that passed there is a row on one
// day, and of how many that did not: who forges a domain crowds none of its own mail out. What is
// beyond is not counted.
const maxRows = 200

// Mail is what came in the name of one domain on one day.
type Mail struct {
	Good bool      `json:"good"` // some of it passed, and was let in: nobody else gets reports
	Rows []MailRow `json:"rows"`
}

// MailRow are messages alike.
type MailRow struct {
	reports.Row
	Signatures []reports.Authenticated `json:"signatures,omitempty"`
}

// same reports whether messages are alike, but for how many they are.
func (r *MailRow) same(q *MailRow) bool {
	a, b := r.Row, q.Row
	a.Count, b.Count = 0, 0
	return a == b && slices.Equal(r.Signatures, q.Signatures)
}

// Count counts messages alike. Good says that they passed, and were let in.
func (m *Mail) Count(r MailRow, good bool) {
	m.Good = m.Good || good
	r.bound()
	i := slices.IndexFunc(m.Rows, func(q MailRow) bool { return q.same(&r) })
	switch {
	case i >= 0:
		m.Rows[i].Count = sum(m.Rows[i].Count, r.Count)
	case m.alike(r.Passes()) < maxRows:
		m.Rows = append(m.Rows, r)
	}
}

// alike is how many rows there are of mail that passed, or that did not.
func (m *Mail) alike(passed bool) (n int) {
	for i := range m.Rows {
		if m.Rows[i].Passes() == passed {
			n++
		}
	}
	return n
}

// bound shortens what strangers may have made long.
func (r *MailRow) bound() {
	for _, s := range []*string{&r.HeaderFrom, &r.Envelope, &r.Sender.Domain} {
		*s = clipped(*s)
	}
	r.Signatures = slices.Clone(r.Signatures[:min(len(r.Signatures), maxSignatures)])
	for i := range r.Signatures {
		r.Signatures[i].Domain, r.Signatures[i].Selector = clipped(r.Signatures[i].Domain), clipped(r.Signatures[i].Selector)
	}
}

// maxSignatures is how many of a message there are in its row.
const maxSignatures = 8

// Add counts what was counted apart.
func (m *Mail) Add(other *Mail) {
	m.Good = m.Good || other.Good
	for _, r := range other.Rows {
		m.Count(r, false)
	}
}

// Sums are how many messages passed and failed.
func (m *Mail) Sums() (passed, failed uint64) {
	for i := range m.Rows {
		if r := &m.Rows[i]; r.Passes() {
			passed += r.Count
		} else {
			failed += r.Count
		}
	}
	return passed, failed
}

// Report is the report on what was counted, with the rows of the most messages first.
func (m *Mail) Report(of About, p reports.DMARC) *reports.Report {
	r := of.report()
	rows := slices.Clone(m.Rows)
	slices.SortStableFunc(rows, func(a, b MailRow) int { return cmp.Compare(b.Count, a.Count) })
	p.Rows, p.Signatures = nil, nil
	for _, row := range rows {
		p.Rows, p.Signatures = append(p.Rows, row.Row), append(p.Signatures, row.Signatures)
	}
	r.DMARC = &p
	return r
}
