package verdicts

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"cairn/consensus/record"
)

// Count sums up what became of pairs. Inbox are all that are there, verified and vouched ones
// included, and Spam are all others; Changed are those of the inbox that are neither.
type Count struct {
	Pairs    int `json:"pairs"`
	Verified int `json:"verified"`
	Vouched  int `json:"vouched"`
	Changed  int `json:"changed"`
	Inbox    int `json:"inbox"`
	Spam     int `json:"spam"`
	Invalid  int `json:"invalid"`
}

func (c *Count) add(o *Outcome) {
	c.Pairs++
	switch o.Verdict {
	case record.Verified:
		c.Verified++
	case record.Vouched:
		c.Vouched++
	case record.Invalid:
		c.Invalid++
	}
	if !o.Inbox() {
		c.Spam++
		return
	}
	c.Inbox++
	if o.Verdict != record.Verified && o.Verdict != record.Vouched {
		c.Changed++
	}
}

// Both is the sum with what recipients would know, and with and without it.
type Both struct {
	Count
	Direct Count  `json:"direct"`
	Known  *Count `json:"known,omitempty"` // nil: nothing was to be known
}

func (b *Both) add(direct, known *Outcome) {
	b.Count.add(known)
	b.Direct.add(direct)
	if b.Known != nil {
		b.Known.add(known)
	}
}

// Kind is the sum of pairs that were made in one way.
type Kind struct {
	How   string `json:"how"`
	Class Class  `json:"class"`
	Both
}

// Rest is a pair that did not come out as it should: an honest one that is not in the inbox, or one
// that is although it was tampered with.
type Rest struct {
	Pair    string         `json:"pair"`
	Class   Class          `json:"class"`
	How     string         `json:"how,omitempty"`
	Verdict record.Verdict `json:"verdict"`
	Filed   string         `json:"filed"`
	Reasons []string       `json:"reasons"`
	Decides []string       `json:"decides"` // differences that alone keep it out of the inbox
	Known   []string       `json:"known"`   // by the recipient
}

// Target is what the measure has to show.
type Target struct {
	Target string `json:"target"`
	Holds  bool   `json:"holds"`
}

// Report is what the measure shows.
type Report struct {
	Classes map[Class]*Both `json:"classes"`
	Sources []Kind          `json:"sources"` // by class and source, which is in How
	Kinds   []Kind          `json:"kinds"`   // by class and how
	Rest    []Rest          `json:"rest"`
	Targets []Target        `json:"targets"`

	direct bool
}

func newReport(direct bool) *Report {
	r := &Report{Classes: map[Class]*Both{}, direct: direct}
	for _, class := range []Class{Benign, Tamper} { // a reader of the document can count on them
		r.Classes[class] = r.both()
	}
	return r
}

func (r *Report) both() *Both {
	if r.direct {
		return &Both{}
	}
	return &Both{Known: &Count{}}
}

func (r *Report) add(p *Pair, direct, known *Outcome, k Knowledge) {
	if r.Classes[p.Class] == nil {
		r.Classes[p.Class] = r.both()
	}
	r.Classes[p.Class].add(direct, known)
	r.kind(&r.Kinds, p.Class, p.How).add(direct, known)
	r.kind(&r.Sources, p.Class, source(p.How)).add(direct, known)

	switch {
	case p.Class == Tamper && !known.Inbox() && direct.Inbox():
		known, k = direct, Knowledge{}
	case p.Class == Tamper && !known.Inbox(), p.Class != Tamper && known.Inbox():
		return
	}
	r.Rest = append(r.Rest, Rest{
		Pair: p.Name, Class: p.Class, How: p.How, Verdict: known.Verdict, Filed: known.Filed,
		Reasons: known.Reasons, Decides: known.Decides, Known: k.Says(),
	})
}

func (r *Report) kind(kinds *[]Kind, class Class, how string) *Both {
	i := slices.IndexFunc(*kinds, func(k Kind) bool { return k.Class == class && k.How == how })
	if i < 0 {
		i = len(*kinds)
		*kinds = append(*kinds, Kind{How: how, Class: class, Both: *r.both()})
	}
	return &(*kinds)[i].Both
}

// BenignShare is the least part of honest mail that has to be in the inbox, in per cent.
const BenignShare = 97

func (r *Report) finish() {
	for _, kinds := range [][]Kind{r.Kinds, r.Sources} {
		slices.SortStableFunc(kinds, func(a, b Kind) int {
			return cmp.Or(strings.Compare(string(a.Class), string(b.Class)), strings.Compare(a.How, b.How))
		})
	}
	benign, tamper := r.Classes[Benign], r.Classes[Tamper]
	if benign.Pairs > 0 {
		r.Targets = append(r.Targets,
			Target{
				fmt.Sprintf("at least %d %% of the benign pairs in the inbox", BenignShare),
				benign.Inbox*100 >= BenignShare*benign.Pairs,
			},
			Target{"none of the benign pairs invalid", benign.Invalid == 0})
	}
	if tamper.Pairs > 0 {
		r.Targets = append(r.Targets,
			Target{"none of the tampered pairs in the inbox", tamper.Inbox+tamper.Direct.Inbox == 0},
			Target{"none of the tampered pairs verified", tamper.Verified+tamper.Direct.Verified == 0})
	}
}
