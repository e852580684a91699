package outgoing

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cairn/mailstore"
	"cairn/smtpgw/authres/dmarc"
	"cairn/smtpgw/reports"
	"cairn/smtpgw/reports/tally"
)

// space is the durable map in the mail store. Numbers are u64, days u32, since 1970 (UTC), big
// endian. A kind is 't' (TLS) or 'm' (DMARC).
//
//	d<kind><day><domain>  what was counted, as JSON
//	c<kind><day>          number of domains of which something was counted on that day
//	c<kind><day><domain>  number of these that are that one, which somebody has registered, or below it
//	l                     number of the last report
//	r<number>             Sent as JSON
const space = "reportsout"

// version is that of the stored forms.
const version = 1

// Bounds on what is kept.
const (
	// MaxDomains is of how many domains something is counted on one day. What comes of others is
	// not counted.
	MaxDomains = 10_000
	// maxBelow is how many of them one organisation may have: whoever has one name in the DNS may
	// have any number below it.
	maxBelow = 200
	// keptDays is for how many days what was counted is kept, while no report could be sent.
	keptDays = 7
	// SentKept is how long it is known that a report was sent, and maxSent of how many.
	SentKept = 90 * 24 * time.Hour
	maxSent  = 10_000

	mostGone = 100 // reports that are forgotten in one transaction
)

// kind is one of reports, as in keys.
type kind byte

const (
	kindTLS  kind = 't'
	kindMail kind = 'm'
)

// String is the kind as reports have it.
func (k kind) String() string {
	if k == kindMail {
		return reports.KindDMARC
	}
	return reports.KindTLS
}

// about is whose figures of which day something is.
type about struct {
	kind   kind
	day    tally.Day
	domain string
}

func (a about) key() []byte {
	return append(binary.BigEndian.AppendUint32([]byte{'d', byte(a.kind)}, uint32(a.day)), a.domain...)
}

func (a about) countKey() []byte {
	return binary.BigEndian.AppendUint32([]byte{'c', byte(a.kind)}, uint32(a.day))
}

// registered is about what somebody has registered that the domain is of.
func (a about) registered() about { return about{a.kind, a.day, dmarc.Registered(a.domain)} }

func (a about) belowKey() []byte { return append(a.countKey(), a.registered().domain...) }

// aboutOf is what a key is about.
func aboutOf(key []byte) (a about, ok bool) {
	if len(key) < 7 || key[0] != 'd' {
		return about{}, false
	}
	return about{kind(key[1]), tally.Day(binary.BigEndian.Uint32(key[2:])), string(key[6:])}, true
}

// counted is what is kept of one domain and day.
type counted struct {
	Version int         `json:"version"`
	TLS     *tally.TLS  `json:"tls,omitempty"`  // of kindTLS
	Mail    *tally.Mail `json:"mail,omitempty"` // of kindMail
	// First is when it was first tried to send it, Next when it is tried again; zero: not yet.
	First time.Time `json:"first,omitzero"`
	Next  time.Time `json:"next,omitzero"`
	Tries int       `json:"tries,omitempty"`
	Done  []string  `json:"done,omitempty"` // destinations that have it
	// Tried are the first destinations that it was tried to bring it to. There are no more: what a
	// domain asks for may change with each attempt.
	Tried []string `json:"tried,omitempty"`
}

// mayTry reports whether it is to be brought to a destination, and notes that it is tried.
func (c *counted) mayTry(to string) bool {
	if slices.Contains(c.Done, to) {
		return false
	}
	if slices.Contains(c.Tried, to) {
		return true
	}
	if len(c.Tried) >= reports.MaxDestinations {
		return false
	}
	c.Tried = append(c.Tried, to)
	return true
}

// add counts what was counted apart.
func (c *counted) add(more *counted) {
	if more.TLS != nil {
		if c.TLS == nil {
			c.TLS = new(tally.TLS)
		}
		c.TLS.Add(more.TLS)
	}
	if more.Mail != nil {
		if c.Mail == nil {
			c.Mail = new(tally.Mail)
		}
		c.Mail.Add(more.Mail)
	}
}

// reportable reports whether there is something in it that a domain may be told.
func (c *counted) reportable() bool { return c.TLS != nil || c.Mail != nil && c.Mail.Good }

// sums are how many sessions, or messages, passed and failed.
func (c *counted) sums() (passed, failed uint64) {
	if c.Mail != nil {
		return c.Mail.Sums()
	}
	return c.TLS.Sums()
}

func sentKey(number uint64) []byte { return binary.BigEndian.AppendUint64([]byte("r"), number) }

var lastKey = []byte("l")

// Sent is a report that was sent to one destination, or that could not be.
type Sent struct {
	Version int       `json:"version"`
	Number  uint64    `json:"-"`
	Kind    string    `json:"kind"`
	ID      string    `json:"id"`
	Domain  string    `json:"domain"`
	Begin   time.Time `json:"begin"`
	End     time.Time `json:"end"`
	To      string    `json:"to"`
	Outcome string    `json:"outcome"`
	Why     string    `json:"why,omitempty"` // of GivenUp
	At      time.Time `json:"at"`
	Passed  uint64    `json:"passed"` // sessions, or messages
	Failed  uint64    `json:"failed"`
}

// Outcomes of a report that is Sent.
const (
	Queued  = "queued"   // as a mail
	Posted  = "posted"   // to a web server
	GivenUp = "given-up" // it could not be sent within a day
)

// read returns what is kept; nil: nothing, or it is damaged or of another version.
func read(sp mailstore.SpaceReader, a about) (*counted, error) {
	b, err := sp.Get(a.key())
	if errors.Is(err, mailstore.ErrNotFound) || errors.Is(err, mailstore.ErrDamaged) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var c counted
	if json.Unmarshal(b, &c) != nil || c.Version != version {
		return nil, nil
	}
	return &c, nil
}

// merge adds what was counted to what is kept; kept is false where there is no room for one more
// domain.
func merge(sp mailstore.Space, a about, more *counted) (kept bool, err error) {
	c, err := read(sp.SpaceReader, a)
	if err != nil {
		return false, err
	}
	if c == nil {
		all, err := sp.Count(a.countKey())
		if err != nil || all >= MaxDomains {
			return false, err
		}
		below, err := sp.Count(a.belowKey())
		if err != nil || below >= maxBelow {
			return false, err
		}
		if err := errors.Join(sp.PutNumber(a.countKey(), all+1), sp.PutNumber(a.belowKey(), below+1)); err != nil {
			return false, err
		}
		c = &counted{Version: version}
	}
	c.add(more)
	return true, sp.PutJSON(a.key(), c)
}

// due lists what days before today have, and forgets what is too old.
func due(rd *mailstore.Reader, today tally.Day) (list []about, old [][]byte, err error) {
	sp := rd.Space(space)
	err = sp.Keys([]byte("d"), nil, func(key []byte) bool {
		a, ok := aboutOf(key)
		switch {
		case !ok || today > keptDays && a.day < today-keptDays:
			old = append(old, slices.Clone(key))
		case a.day < today:
			list = append(list, a)
		}
		return true
	})
	if err != nil {
		return nil, nil, err
	}
	err = sp.Keys([]byte("c"), nil, func(key []byte) bool {
		if len(key) < 6 || today > keptDays && tally.Day(binary.BigEndian.Uint32(key[2:])) < today-keptDays {
			old = append(old, slices.Clone(key))
		}
		return true
	})
	return list, old, err
}

// note keeps that a report was sent, and forgets the oldest ones.
func note(sp mailstore.Space, s *Sent, now time.Time) error {
	last, err := sp.Last(lastKey, []byte("r")) // were it lost, no report could be noted, and each would be brought again
	if err != nil {
		return err
	}
	s.Version = version
	if err := errors.Join(sp.PutJSON(sentKey(last+1), s), sp.PutNumber(lastKey, last+1)); err != nil {
		return err
	}
	var gone []uint64
	err = sp.Keys([]byte("r"), nil, func(key []byte) bool {
		n := binary.BigEndian.Uint64(key[1:])
		old := last+1-n >= maxSent
		if !old {
			one, err := sentOf(sp.SpaceReader, n)
			old = err != nil || one.At.Before(now.Add(-SentKept))
		}
		if old && len(gone) < mostGone {
			gone = append(gone, n)
			return true
		}
		return false
	})
	for _, n := range gone {
		err = errors.Join(err, sp.Delete(sentKey(n)))
	}
	return err
}

func sentOf(sp mailstore.SpaceReader, number uint64) (s Sent, err error) {
	b, err := sp.Get(sentKey(number))
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return s, fmt.Errorf("a report that was sent: %w", err)
	}
	if s.Version != version {
		return s, fmt.Errorf("a report that was sent: version %d is not known here; use the cairn that wrote it", s.Version)
	}
	s.Number = number
	return s, nil
}

// All returns at most so many reports that were sent after a time about a domain and those below
// it, or with "" about all: the last ones, the newest first, and how many there are. What is
// damaged is left out.
func All(rd *mailstore.Reader, domain string, after time.Time, most int) (list []Sent, total int, err error) {
	sp := rd.Space(space)
	var numbers []uint64
	err = sp.Keys([]byte("r"), nil, func(key []byte) bool {
		numbers = append(numbers, binary.BigEndian.Uint64(key[1:]))
		return true
	})
	for _, n := range slices.Backward(numbers) {
		s, oneErr := sentOf(sp, n)
		if errors.Is(oneErr, mailstore.ErrDamaged) {
			continue
		}
		if err = errors.Join(err, oneErr); err != nil {
			return nil, 0, err
		}
		if s.At.Before(after) || domain != "" && s.Domain != domain && !strings.HasSuffix(s.Domain, "."+domain) {
			continue
		}
		if total++; len(list) < most {
			list = append(list, s)
		}
	}
	return list, total, err
}
