// Package outgoing counts what reports to other domains are made of (see package tally), keeps
// that, and sends each day's reports to those domains that ask for them in the DNS: TLS reports
// (RFC 8460) and DMARC aggregate reports (RFC 9990).
package outgoing

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"cairn/mailstore"
	"cairn/mailstore/logration"
	"cairn/mailstore/message/maildomain"
	"cairn/smtpgw/authres/dmarc"
	"cairn/smtpgw/reports"
	"cairn/smtpgw/reports/tally"
)

const (
	// every is how often what was counted is made durable, and reports that are due are sent. What
	// was counted since is lost when the process is killed.
	every = 5 * time.Minute
	// window is how long after the end of its day a report leaves at the latest, so that not all
	// do at midnight (RFC 8460, section 4.1).
	window = 4 * time.Hour
	// firstRetry and longestRetry are the waits of one that could not be sent, givenUpAfter for how
	// long it is tried.
	firstRetry, longestRetry, givenUpAfter = 15 * time.Minute, 4 * time.Hour, 24 * time.Hour

	askTime  = 10 * time.Second // that the DNS has to answer
	postTime = 10 * time.Second // that a web server has to take a report
	oneTime  = time.Minute      // that one report has in all: who asks for it may be slow at each step
	round    = 4 * time.Minute  // for which reports are begun with before what was counted is made durable again
	atOnce   = 32               // reports that are sent at one time
	together = 64               // domains whose figures are stored in one transaction
)

// Config is what a sender goes by.
type Config struct {
	Hostname string
	Org      string // the organisation's name
	// From is the address that reports come from, of a domain whose mail is signed with DKIM now;
	// empty: there is none, and no mail with a report is sent: nobody would believe it.
	From func() string
	// Lookup asks the DNS for TXT records, by the absolute name without its final dot.
	Lookup func(ctx context.Context, name string) ([]string, error)
	// Organisational tells which organisational domain a domain is of.
	Organisational func(ctx context.Context, domain string) (string, error)
	// Client posts reports; it follows nobody elsewhere, and connects to no private network.
	Client *http.Client
	// Queue queues a mail in a transaction, and Queued is called once that is committed.
	Queue  func(tx *mailstore.Tx, to string, raw []byte, kind string) error
	Queued func()
	// Count counts reports, by their kinds and outcomes.
	Count func(kind, outcome string)
	// Pause reports whether nothing is to be sent now, as while the clock is known to be wrong.
	Pause func() bool
	Now   func() time.Time
	Log   *slog.Logger
}

// Sender counts, and sends. Its methods may be called from many goroutines.
type Sender struct {
	Config
	store *mailstore.Store

	mu    sync.Mutex
	fresh map[about]*counted // since it was last stored
	below map[about]int      // domains in it, by the name that somebody has registered
	left  int                // what came of domains beyond MaxDomains and maxBelow
	away  elsewhere

	patience time.Duration // oneTime
	sending  sync.Mutex    // held while reports are sent
}

// New returns a sender that keeps what it counts in store.
func New(cfg Config, store *mailstore.Store) *Sender {
	return &Sender{Config: cfg, store: store, fresh: make(map[about]*counted), below: make(map[about]int), patience: oneTime}
}

// Session counts a session. It returns at once.
func (s *Sender) Session(t tally.Session) {
	s.count(about{kindTLS, tally.DayOf(s.Now()), t.Domain}, func(c *counted) {
		if c.TLS == nil {
			c.TLS = new(tally.TLS)
		}
		c.TLS.Count(t)
	})
}

// Mail counts messages in the name of a domain that has a DMARC policy. It returns at once. Good
// says that they passed, and were let in.
func (s *Sender) Mail(domain string, r tally.MailRow, good bool) {
	s.count(about{kindMail, tally.DayOf(s.Now()), domain}, func(c *counted) {
		if c.Mail == nil {
			c.Mail = new(tally.Mail)
		}
		c.Mail.Count(r, good)
	})
}

func (s *Sender) count(a about, in func(*counted)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.fresh[a]
	if c == nil {
		of := a.registered()
		if len(s.fresh) >= MaxDomains || s.below[of] >= maxBelow {
			s.left++
			return
		}
		c = &counted{Version: version}
		s.fresh[a] = c
		s.below[of]++
	}
	in(c)
}

// Run makes durable what was counted, and sends reports, until ctx is done. Faults are logged, and
// tried again.
func (s *Sender) Run(ctx context.Context) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	var trouble logration.Trouble
	for {
		err := s.Flush(ctx)
		if err == nil && !s.Pause() {
			err = s.Send(ctx, s.Now())
		}
		if ctx.Err() == nil && trouble.News(err, time.Now()) {
			s.Log.Error("reports: what is to be reported to other domains could not be kept or sent, trying again", "err", err)
		}
		select {
		case <-ctx.Done():
			if err := s.Flush(context.WithoutCancel(ctx)); err != nil {
				s.Log.Warn("reports: what was counted in the last minutes for reports to other domains is lost", "err", err)
			}
			return nil
		case <-tick.C:
		}
	}
}

// Flush makes durable what was counted.
func (s *Sender) Flush(ctx context.Context) error {
	s.mu.Lock()
	fresh, left := s.fresh, s.left
	s.fresh, s.below, s.left = make(map[about]*counted), make(map[about]int), 0
	s.mu.Unlock()
	var keys []about
	for a := range fresh {
		keys = append(keys, a)
	}
	for chunk := range slices.Chunk(keys, together) {
		full := 0
		err := s.store.Update(ctx, func(tx *mailstore.Tx) error {
			full = 0
			for _, a := range chunk {
				kept, err := merge(tx.Space(space), a, fresh[a])
				if err != nil {
					return err
				}
				if !kept {
					full++
				}
			}
			return nil
		})
		if err != nil {
			s.putBack(fresh)
			return fmt.Errorf("store what was counted: %w", err)
		}
		left += full
		for _, a := range chunk {
			delete(fresh, a)
		}
	}
	if left > 0 {
		s.Log.Warn("reports: there were more domains in one day than reports are made for", "most", MaxDomains, "most_below_one", maxBelow, "beyond", left)
	}
	return nil
}

// putBack counts anew what could not be stored.
func (s *Sender) putBack(lost map[about]*counted) {
	for a, c := range lost {
		s.count(a, func(to *counted) { to.add(c) })
	}
}

// Due is when the report on a domain leaves at first: at a time within the window that is its own,
// and the same after a restart.
func (s *Sender) Due(domain string, day tally.Day) time.Time {
	h := sha256.Sum256(fmt.Appendf(nil, "%s %s %d", s.Hostname, domain, day)) // of both kinds alike
	return (day + 1).Begin().Add(time.Duration(binary.BigEndian.Uint64(h[:])%uint64(window/time.Second)) * time.Second)
}

// Send sends the reports that are due at a time.
func (s *Sender) Send(ctx context.Context, now time.Time) error {
	s.sending.Lock()
	defer s.sending.Unlock()
	var list []about
	var old [][]byte
	err := s.store.View(func(rd *mailstore.Reader) (err error) {
		list, old, err = due(rd, tally.DayOf(now))
		return err
	})
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(old, 10*together) {
		err := s.store.Update(ctx, func(tx *mailstore.Tx) error {
			var errs []error
			for _, key := range chunk {
				errs = append(errs, tx.Space(space).Delete(key))
			}
			return errors.Join(errs...)
		})
		if err != nil {
			return err
		}
	}
	var g errgroup.Group
	g.SetLimit(atOnce)
	began := time.Now()
	for _, a := range s.inTurn(list, now) {
		if ctx.Err() != nil || time.Since(began) > round {
			break // the rest is due as before
		}
		g.Go(func() error { return s.sendOne(ctx, a, now) })
	}
	return g.Wait()
}

// inTurn are those that are due, the latest first: what fails again and again keeps nobody from his
// first turn.
func (s *Sender) inTurn(list []about, now time.Time) []about {
	at := make(map[about]time.Time)
	list = slices.DeleteFunc(list, func(a about) bool {
		at[a] = s.Due(a.domain, a.day)
		return at[a].After(now)
	})
	slices.SortStableFunc(list, func(a, b about) int { return at[b].Compare(at[a]) })
	return list
}

// attempt is one to send a report.
type attempt struct {
	about
	what    *counted
	record  dmarc.Record // of kindMail: what its domain publishes
	report  *reports.Report
	packed  []byte
	sent    []Sent
	letters []letter
	trouble []problem
}

// letter is a mail that is to be queued.
type letter struct {
	to  string
	raw []byte
}

// problem is why a destination has not got a report.
type problem struct {
	to  string
	why string
}

// sendOne sends the report on one domain, if it is wanted. An error is one of the store.
func (s *Sender) sendOne(ctx context.Context, of about, now time.Time) error {
	a := &attempt{about: of}
	err := s.store.View(func(rd *mailstore.Reader) (err error) {
		a.what, err = read(rd.Space(space), of)
		return err
	})
	if err != nil || a.what != nil && a.what.Next.After(now) {
		return err
	}
	if a.what == nil || !a.what.reportable() {
		return s.settle(ctx, a, true, now)
	}
	within, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	list, err := s.destinations(within, a)
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		a.trouble = []problem{{"", "the DNS does not answer where it is to go"}}
	case len(list) == 0:
		return s.settle(ctx, a, true, now)
	default:
		if err := s.write(a); err != nil {
			s.Log.Error("reports: one cannot be written", "domain", of.domain, "err", err)
			return s.settle(ctx, a, true, now)
		}
		for _, d := range list {
			if a.what.mayTry(d.String()) {
				s.bring(within, a, d, now)
			}
		}
		if ctx.Err() != nil && len(a.sent) == 0 {
			return nil
		}
	}
	return s.settle(context.WithoutCancel(ctx), a, len(a.trouble) == 0, now)
}

// destinations asks the DNS where a report is wanted; an error says that this is not known now.
func (s *Sender) destinations(ctx context.Context, a *attempt) ([]reports.Destination, error) {
	if a.kind == kindMail {
		return s.takers(ctx, a)
	}
	records, err := s.ask(ctx, "_smtp._tls."+a.domain)
	return reports.TLSDestinations(records), err
}

// takers asks where the domain of a DMARC record wants reports, and whether those who are elsewhere
// want to have them (RFC 9990, section 4).
func (s *Sender) takers(ctx context.Context, a *attempt) (list []reports.Destination, err error) {
	texts, err := s.ask(ctx, "_dmarc."+a.domain)
	if err != nil {
		return nil, err
	}
	record, rua, ok := dmarc.Published(texts)
	if !ok {
		return nil, nil
	}
	a.record = record
	for _, d := range reports.DMARCDestinations(rua) {
		takes, err := s.takes(ctx, a.domain, &d)
		if err != nil {
			return nil, err
		}
		if takes {
			list = append(list, d)
		}
	}
	return list, nil
}

// takes reports whether a destination has reports about a domain, and where instead, within its own
// domain, if it says so.
func (s *Sender) takes(ctx context.Context, domain string, d *reports.Destination) (bool, error) {
	host := maildomain.OfAddress(d.Mail)
	there, err := s.organisational(ctx, host)
	if err != nil {
		return false, err
	}
	here, err := s.organisational(ctx, domain)
	if err != nil || there == here {
		return err == nil, err
	}
	name := domain + "._report._dmarc." + host
	if len(name) > maxName {
		return false, nil
	}
	texts, err := s.ask(ctx, name)
	if err != nil {
		return false, err
	}
	rua, ok := dmarc.Accepts(texts)
	if instead := reports.DMARCDestinations(rua); ok && len(instead) > 0 && maildomain.OfAddress(instead[0].Mail) == host {
		*d = instead[0]
	}
	return ok, nil
}

// maxName is the longest name that the DNS has, without its final dot.
const maxName = 253

func (s *Sender) organisational(ctx context.Context, domain string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	return s.Organisational(ctx, domain)
}

// ask asks for TXT records, of which there may be none.
func (s *Sender) ask(ctx context.Context, name string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	records, err := s.Lookup(ctx, name)
	if none, ok := errors.AsType[*net.DNSError](err); ok && none.IsNotFound {
		return nil, nil
	}
	return records, err
}

// write makes the report. Its id is the same each time, so that who gets it twice can tell.
func (s *Sender) write(a *attempt) (err error) {
	h := sha256.Sum256(fmt.Appendf(nil, "%c %s %s", a.kind, s.Hostname, a.domain))
	about := tally.About{
		ID: fmt.Sprintf("%s.%x@%s", a.day.Begin().Format("20060102"), h[:8], s.Hostname), Org: s.Org, Contact: s.contact(), Day: a.day,
	}
	if a.kind == kindMail {
		r := a.record
		a.report = a.what.Mail.Report(about, reports.DMARC{
			Domain: a.domain, Policy: string(r.Policy), Below: string(r.Subdomains), Testing: r.Testing, StrictDKIM: r.StrictDKIM, StrictSPF: r.StrictSPF,
		})
		a.packed, err = reports.WriteDMARC(a.report)
		return err
	}
	a.report = a.what.TLS.Report(about)
	a.packed, err = reports.WriteTLS(a.report)
	return err
}

// contact is the address in a report.
func (s *Sender) contact() string {
	if from := s.From(); from != "" {
		return from
	}
	return "postmaster@" + s.Hostname
}

// bring brings a report to one destination, or has it queued.
func (s *Sender) bring(ctx context.Context, a *attempt, d reports.Destination, now time.Time) {
	sent := Sent{Kind: a.kind.String(), ID: a.report.ID, Domain: a.domain, Begin: a.report.Begin, End: a.report.End, To: d.String(), At: now}
	sent.Passed, sent.Failed = a.what.sums()
	from := s.From()
	may, full := true, ""
	if a.kind == kindTLS && (d.Mail == "" || from != "") { // of the others who is elsewhere has said that he wants them
		full, may = s.mayHave(a.domain, d, now)
	}
	switch {
	case !may:
		sent.Outcome, sent.Why = GivenUp, full
	case d.Mail != "" && from == "":
		a.trouble = append(a.trouble, problem{d.String(), "no domain of ours has a DKIM key whose record is seen in the DNS, and without a signature nobody believes a report"})
		return
	case d.Mail != "":
		l := reports.Letter{Kind: a.kind.String(), Report: a.report, Domain: a.domain, Submitter: s.Hostname, From: from, To: d.Mail, Date: now, Packed: a.packed}
		raw := l.Raw()
		if sent.Outcome = Queued; d.Most > 0 && uint64(len(raw)) > d.Most {
			sent.Outcome, sent.Why = GivenUp, fmt.Sprintf("it has %d octets, and %d are taken there", len(raw), d.Most)
		} else {
			a.letters = append(a.letters, letter{d.Mail, raw})
		}
	default:
		if err := s.post(ctx, d.URL, a.packed); err != nil {
			a.trouble = append(a.trouble, problem{d.String(), err.Error()})
			return
		}
		sent.Outcome = Posted
	}
	a.what.Done = append(a.what.Done, d.String())
	a.sent = append(a.sent, sent)
}

// post brings a report to a web server (RFC 8460, section 5.4).
func (s *Sender) post(ctx context.Context, url string, packed []byte) error {
	ctx, cancel := context.WithTimeout(ctx, postTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(packed))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", reports.TypeTLS)
	resp, err := s.Client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 4096) // what it says is of no matter
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("the web server answers %d", resp.StatusCode)
	}
	return nil
}

// settle makes durable what became of an attempt: mails are queued in the same transaction.
func (s *Sender) settle(ctx context.Context, a *attempt, over bool, now time.Time) error {
	var lost []Sent
	if c := a.what; !over {
		if c.First.IsZero() {
			c.First = now
		}
		if c.Tries++; now.Sub(c.First) >= givenUpAfter {
			over, lost = true, s.lost(a, now)
		}
		c.Next = now.Add(min(firstRetry<<min(c.Tries-1, 8), longestRetry))
	}
	err := s.store.Update(ctx, func(tx *mailstore.Tx) error {
		sp := tx.Space(space)
		for _, l := range a.letters {
			if err := s.Queue(tx, l.to, l.raw, a.kind.String()); err != nil {
				return fmt.Errorf("queue a report: %w", err)
			}
		}
		for _, one := range slices.Concat(a.sent, lost) {
			if err := note(sp, &one, now); err != nil {
				return err
			}
		}
		if over {
			return sp.Delete(a.key())
		}
		return sp.PutJSON(a.key(), a.what)
	})
	if err != nil {
		return err
	}
	if len(a.letters) > 0 {
		s.Queued()
	}
	for _, one := range slices.Concat(a.sent, lost) {
		s.Count(one.Kind, one.Outcome)
		s.Log.Info("reports: one on the day before", "kind", one.Kind, "domain", one.Domain, "outcome", one.Outcome, "why", one.Why)
	}
	return nil
}

// lost are the destinations that never got a report.
func (s *Sender) lost(a *attempt, now time.Time) (list []Sent) {
	for _, p := range a.trouble {
		one := Sent{Kind: a.kind.String(), Domain: a.domain, Begin: a.day.Begin(), End: a.day.End(), To: p.to, Outcome: GivenUp, Why: shortened(p.why), At: now}
		if a.report != nil {
			one.ID = a.report.ID
		}
		one.Passed, one.Failed = a.what.sums()
		list = append(list, one)
	}
	return list
}

func shortened(s string) string {
	const most = 300
	return s[:min(len(s), most)]
}
