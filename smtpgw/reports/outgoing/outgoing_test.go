package outgoing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"

	"cairn/mailstore"
	"cairn/smtpgw/reports"
	"cairn/smtpgw/reports/tally"
)

// noon is in the middle of a day that sessions are counted on.
var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// house is a store with a sender, a DNS and a web server that takes reports.
type house struct {
	*testing.T
	dir   string
	store *mailstore.Store
	s     *Sender
	now   time.Time
	from  string

	mu      sync.Mutex
	records map[string][]string
	silent  bool
	answer  int      // of the web server
	asked   int      // it was
	posted  [][]byte // to it
	queued  []letter
	counts  map[string]int
}

func newHouse(t *testing.T) *house {
	t.Helper()
	dir := t.TempDir()
	store, err := mailstore.Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	h := &house{T: t, dir: dir, store: store, now: noon, from: "postmaster@near.example", answer: 200, records: make(map[string][]string), counts: make(map[string]int)}
	t.Cleanup(func() {
		if err := h.store.Close(); err != nil {
			t.Error(err)
		}
	})
	h.again()
	return h
}

// again begins with what is stored alone, as after a restart.
func (h *house) again() {
	web := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		h.mu.Lock()
		defer h.mu.Unlock()
		if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != reports.TypeTLS {
			h.Errorf("%s %s: %v", r.Method, r.Header.Get("Content-Type"), err)
		}
		h.asked++
		if h.answer == http.StatusOK {
			h.posted = append(h.posted, body)
		}
		w.WriteHeader(h.answer)
	}))
	h.Cleanup(web.Close)
	transport := web.Client().Transport.(*http.Transport).Clone()
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, web.Listener.Addr().String())
	}
	h.s = New(Config{
		Hostname: "mx.near.example", Org: "Near", From: func() string { return h.from },
		Organisational: func(_ context.Context, domain string) (string, error) { // the last two labels
			labels := strings.Split(domain, ".")
			return strings.Join(labels[max(0, len(labels)-2):], "."), nil
		}, Client: &http.Client{Transport: transport},
		Lookup: func(_ context.Context, name string) ([]string, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			if h.silent {
				return nil, &net.DNSError{Err: "i/o timeout", Name: name, IsTimeout: true}
			}
			if list, ok := h.records[name]; ok {
				return list, nil
			}
			return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
		},
		Queue: func(_ *mailstore.Tx, to string, raw []byte, kind string) error {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.queued = append(h.queued, letter{to, raw})
			return nil
		},
		Queued: func() {}, Pause: func() bool { return false }, Now: func() time.Time { return h.now }, Log: slog.New(slog.DiscardHandler),
		Count: func(kind, outcome string) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.counts[kind+" "+outcome]++
		},
	}, h.store)
}

func (h *house) asks(domain, record string) { h.records["_smtp._tls."+domain] = []string{record} }

// session counts one with a server of a domain; cause: why it failed, or "".
func (h *house) session(domain, cause string) {
	s := tally.Session{Domain: domain, Policy: tally.Policy{Kind: reports.NoPolicy, Domain: domain}}
	if cause != "" {
		s.Cause = tally.Cause{Kind: cause, Host: "mx." + domain, Receiver: "198.51.100.7"}
	}
	h.s.Session(s)
}

func (h *house) flush() {
	h.Helper()
	if err := h.s.Flush(h.Context()); err != nil {
		h.Fatal(err)
	}
}

func (h *house) send() {
	h.Helper()
	if err := h.s.Send(h.Context(), h.now); err != nil {
		h.Fatal(err)
	}
}

// sent tells what was sent, the newest first.
func (h *house) sent() (out []string) {
	h.Helper()
	err := h.store.View(func(rd *mailstore.Reader) error {
		list, _, err := All(rd, "", h.now.Add(-SentKept), 100)
		for _, s := range list {
			out = append(out, fmt.Sprintf("%s %s %s %s %d/%d", s.Domain, s.Begin.Format(time.DateOnly), s.To, s.Outcome, s.Passed, s.Failed))
		}
		return err
	})
	if err != nil {
		h.Fatal(err)
	}
	return out
}

func (h *house) want(what string, want ...string) {
	h.Helper()
	if got := h.sent(); !slices.Equal(got, want) {
		h.Errorf("%s: %q, want %q", what, got, want)
	}
}

// kept is how much of what was counted is there still.
func (h *house) kept() (n int) {
	h.Helper()
	err := h.store.View(func(rd *mailstore.Reader) error {
		return rd.Space(space).Keys([]byte("d"), nil, func([]byte) bool { n++; return true })
	})
	if err != nil {
		h.Fatal(err)
	}
	return n
}

// TestReportIsSent: what was counted, before a restart and after, comes by mail and to a web
// server, once, when its time has come, and our own reader reads it.
func TestReportIsSent(t *testing.T) {
	h := newHouse(t)
	h.asks("far.example", "v=TLSRPTv1; rua=mailto:tls@reports.example,https://example.com/tls")
	h.session("far.example", "")
	h.session("far.example", tally.Expired)
	h.flush()
	h.again()
	h.session("far.example", "")
	h.session("quiet.example", "")
	h.flush()

	h.now = noon.Add(11 * time.Hour)
	h.send()
	due := h.s.Due("far.example", tally.DayOf(noon))
	midnight := time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)
	if due.Before(midnight) || due.Sub(midnight) >= window {
		t.Errorf("it is due at %s", due)
	}
	h.now = due.Add(-time.Second)
	h.send()
	h.want("before it is due")
	h.now = midnight.Add(window)
	h.session("far.example", "") // of the next day
	h.flush()
	h.send()
	h.send()
	h.want("when it was due", "far.example 2026-11-28 https://example.com/tls posted 2/1", "far.example 2026-11-28 tls@reports.example queued 2/1")
	if len(h.queued) != 1 || len(h.posted) != 1 || h.queued[0].to != "tls@reports.example" || h.counts["tls queued"] != 1 || h.counts["tls posted"] != 1 {
		t.Fatalf("%d queued, %d posted, %v", len(h.queued), len(h.posted), h.counts)
	}
	if h.kept() != 1 {
		t.Errorf("%d days are kept", h.kept())
	}
	for _, raw := range [][]byte{h.queued[0].raw, h.posted[0]} {
		found, err := reports.Find(raw)
		if err != nil || len(found) != 1 || found[0].TLS == nil {
			t.Fatalf("%v, %v", found, err)
		}
		r := found[0]
		if got := fmt.Sprintf("%+v", r.TLS.Policies); got != "[{Domain:far.example Kind:no-policy-found Succeeded:2 Failed:1 Failures:[{Kind:certificate-expired Host:mx.far.example Reason: Count:1 Sender: Receiver:}] Strings:[] MX:[]}]" {
			t.Error(got)
		}
		if r.Org != "Near" || r.Contact != h.from || r.Begin != midnight.Add(-24*time.Hour) || r.End != midnight.Add(-time.Second) || !strings.HasSuffix(r.ID, "@mx.near.example") {
			t.Errorf("%+v", r)
		}
	}
}

// TestReportIsTriedAgain: what cannot be sent is tried for a day, and who has it does not get it
// twice.
func TestReportIsTriedAgain(t *testing.T) {
	for _, tt := range []struct {
		name    string
		trouble func(h *house, on bool)
		first   []string // sent while the trouble is there
		after   []string // and after it, the newest first
		lost    []string // where it stays
	}{
		{"the web server", func(h *house, on bool) {
			h.answer = 200
			if on {
				h.answer = 503
			}
		}, []string{"far.example 2026-11-28 tls@far.example queued 1/0"}, []string{"far.example 2026-11-28 https://example.com/ posted 1/0"}, []string{"far.example 2026-11-28 https://example.com/ given-up 1/0"}},
		{"the DNS", func(h *house, on bool) { h.silent = on }, nil,
			[]string{"far.example 2026-11-28 https://example.com/ posted 1/0", "far.example 2026-11-28 tls@far.example queued 1/0"}, []string{"far.example 2026-11-28  given-up 1/0"}},
		{"no key that signs", func(h *house, on bool) {
			if h.from = "postmaster@near.example"; on {
				h.from = ""
			}
		}, []string{"far.example 2026-11-28 https://example.com/ posted 1/0"}, []string{"far.example 2026-11-28 tls@far.example queued 1/0"}, []string{"far.example 2026-11-28 tls@far.example given-up 1/0"}},
	} {
		for _, stays := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, for good %v", tt.name, stays), func(t *testing.T) {
				h := newHouse(t)
				h.asks("far.example", "v=TLSRPTv1; rua=mailto:tls@far.example,https://example.com/")
				h.session("far.example", "")
				h.flush()
				tt.trouble(h, true)
				h.now = h.s.Due("far.example", tally.DayOf(noon))
				h.send()
				h.want("at first", tt.first...)
				h.again()
				if stays {
					for range 60 {
						h.now = h.now.Add(30 * time.Minute)
						h.send()
					}
					h.want("for good", append(slices.Clone(tt.lost), tt.first...)...)
				} else {
					tt.trouble(h, false)
					h.now = h.now.Add(firstRetry - time.Second)
					h.send()
					h.want("too soon", tt.first...)
					h.now = h.now.Add(time.Second)
					h.send()
					h.want("later", append(slices.Clone(tt.after), tt.first...)...)
				}
				if h.kept() != 0 {
					t.Error("it is kept")
				}
			})
		}
	}
}

// TestNobodyAsks: without a record nothing is sent, and what is too old is forgotten.
func TestNobodyAsks(t *testing.T) {
	h := newHouse(t)
	h.session("far.example", "")
	h.flush()
	h.now = noon.Add(24 * time.Hour)
	h.send()
	h.want("nobody asks")
	if h.kept() != 0 {
		t.Error("it is kept")
	}
	h.session("far.example", "")
	h.flush()
	h.asks("far.example", "v=TLSRPTv1; rua=mailto:tls@far.example")
	h.now = h.now.Add((keptDays + 2) * 24 * time.Hour)
	h.send()
	h.want("too old")
	err := h.store.View(func(rd *mailstore.Reader) error {
		return rd.Space(space).Keys(nil, nil, func(key []byte) bool { t.Errorf("there is still %q", key); return true })
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestDomainsAreBounded: what comes of more domains in a day than there is room for is left out, in
// memory and on the disk.
func TestDomainsAreBounded(t *testing.T) {
	h := newHouse(t)
	for i := range MaxDomains + 5 {
		h.session(fmt.Sprintf("d%d.example", i), "")
	}
	if len(h.s.fresh) != MaxDomains || h.s.left != 5 {
		t.Errorf("%d in memory, %d left out", len(h.s.fresh), h.s.left)
	}
	h.s.fresh = map[about]*counted{}
	day := tally.DayOf(noon)
	err := h.store.Update(t.Context(), func(tx *mailstore.Tx) error {
		return tx.Space(space).PutNumber(about{kindTLS, day, ""}.countKey(), MaxDomains-1)
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		h.session(fmt.Sprintf("d%d.example", i), "")
	}
	h.flush()
	if h.kept() != 1 {
		t.Errorf("%d are kept", h.kept())
	}
	h.session("d0.example", "")
	h.session("d1.example", "")
	h.session("d2.example", "")
	h.flush()
	if h.kept() != 1 {
		t.Errorf("%d are kept after another look", h.kept())
	}
}

// TestWhatIsSentIsBounded: the oldest ones are forgotten.
func TestWhatIsSentIsBounded(t *testing.T) {
	h := newHouse(t)
	sends := func(domain string) {
		t.Helper()
		err := h.store.Update(t.Context(), func(tx *mailstore.Tx) error {
			return note(tx.Space(space), &Sent{Kind: reports.KindTLS, Domain: domain, Begin: noon, Outcome: Queued, At: h.now}, h.now)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	sends("a.example")
	sends("b.example")
	h.now = noon.Add(SentKept + time.Hour)
	sends("c.example")
	h.want("after their time", "c.example 2026-11-28  queued 0/0")
	err := h.store.Update(t.Context(), func(tx *mailstore.Tx) error { return tx.Space(space).PutNumber(lastKey, maxSent+2) })
	if err != nil {
		t.Fatal(err)
	}
	sends("d.example")
	h.want("beyond the most", "d.example 2026-11-28  queued 0/0")
}

// TestLostStoreKeepsCounts: what cannot be stored now is stored later.
func TestLostStoreKeepsCounts(t *testing.T) {
	h := newHouse(t)
	h.session("far.example", "")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.s.Flush(gone); !errors.Is(err, context.Canceled) {
		t.Fatalf("%v", err)
	}
	h.session("far.example", "")
	h.flush()
	h.asks("far.example", "v=TLSRPTv1; rua=mailto:tls@far.example")
	h.now = noon.Add(24 * time.Hour)
	h.send()
	h.want("both", "far.example 2026-11-28 tls@far.example queued 2/0")
}

// mail counts one message in the name of a domain.
func (h *house) mail(domain, dkim string, good bool) {
	h.s.Mail(domain, tally.MailRow{Row: reports.Row{Source: "192.0.2.1", Count: 1, Disposition: "none", DKIM: dkim, SPF: "fail", HeaderFrom: domain}}, good)
}

// TestDMARCReports: they go to whom the domain names, and who wants them if it is of another one,
// if they are not too large; and only where some mail was let in as the domain's.
func TestDMARCReports(t *testing.T) {
	for _, tt := range []struct {
		name    string
		good    bool
		records map[string]string
		want    []string // the newest first
	}{
		{"within", true, map[string]string{"_dmarc.far.example": "v=DMARC1; p=reject; rua=mailto:d@far.example, mailto:e@mail.far.example!1m"},
			[]string{"far.example 2026-11-28 e@mail.far.example queued 2/1", "far.example 2026-11-28 d@far.example queued 2/1"}},
		{"nothing passed", false, map[string]string{"_dmarc.far.example": "v=DMARC1; p=reject; rua=mailto:d@far.example"}, nil},
		{"no rua", true, map[string]string{"_dmarc.far.example": "v=DMARC1; p=reject"}, nil},
		{"no record any more", true, nil, nil},
		{"to a web server", true, map[string]string{"_dmarc.far.example": "v=DMARC1; p=reject; rua=https://far.example/"}, nil},
		{"elsewhere, which wants none", true, map[string]string{"_dmarc.far.example": "v=DMARC1; p=none; rua=mailto:d@victim.test"}, nil},
		{"elsewhere, of another name", true, map[string]string{"_dmarc.far.example": "v=DMARC1; p=none; rua=mailto:d@takes.test", "other.example._report._dmarc.takes.test": "v=DMARC1"}, nil},
		{"elsewhere", true, map[string]string{"_dmarc.far.example": "v=DMARC1; p=none; rua=mailto:d@takes.test", "far.example._report._dmarc.takes.test": "v=DMARC1;"},
			[]string{"far.example 2026-11-28 d@takes.test queued 2/1"}},
		{"elsewhere, at another address there", true, map[string]string{"_dmarc.far.example": "v=DMARC1; p=none; rua=mailto:d@takes.test", "far.example._report._dmarc.takes.test": "v=DMARC1; rua=mailto:x@takes.test"},
			[]string{"far.example 2026-11-28 x@takes.test queued 2/1"}},
		{"elsewhere, which sends on", true, map[string]string{"_dmarc.far.example": "v=DMARC1; p=none; rua=mailto:d@takes.test", "far.example._report._dmarc.takes.test": "v=DMARC1; rua=mailto:x@victim.test"},
			[]string{"far.example 2026-11-28 d@takes.test queued 2/1"}},
		{"too large", true, map[string]string{"_dmarc.far.example": "v=DMARC1; p=none; rua=mailto:d@far.example!1k,mailto:e@far.example!9"},
			[]string{"far.example 2026-11-28 e@far.example given-up 2/1", "far.example 2026-11-28 d@far.example given-up 2/1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t)
			for name, text := range tt.records {
				h.records[name] = []string{text}
			}
			h.mail("far.example", "pass", tt.good)
			h.mail("far.example", "fail", false)
			h.flush()
			h.mail("far.example", "pass", false)
			h.flush()
			h.now = noon.Add(24 * time.Hour)
			h.send()
			h.want("sent", tt.want...)
			if h.kept() != 0 {
				t.Error("it is kept")
			}
			for _, l := range h.queued {
				found, err := reports.Find(l.raw)
				if err != nil || len(found) != 1 || found[0].DMARC == nil || found[0].DMARC.Domain != "far.example" || len(found[0].DMARC.Rows) != 2 {
					t.Errorf("%v, %v", found, err)
				}
			}
		})
	}
}

// dueAll is when the reports on what was counted at noon are due.
func (h *house) dueAll() { h.now = tally.DayOf(noon).End().Add(time.Second + window) }

// TestStrangersAreNotWrittenTo: who has many domains cannot have somebody else get a report on each
// of them, nor have one domain name others with each attempt. Who has his own reports gets all.
func TestStrangersAreNotWrittenTo(t *testing.T) {
	t.Run("an address", func(t *testing.T) {
		h := newHouse(t)
		for i := range mostToOne + 5 {
			domain := fmt.Sprintf("evil%d.example", i)
			h.asks(domain, "v=TLSRPTv1; rua=mailto:jo@victim.test,mailto:tls@"+domain)
			h.session(domain, "")
		}
		h.flush()
		h.dueAll()
		h.send()
		got := make(map[bool]int)
		for _, l := range h.queued {
			got[l.to == "jo@victim.test"]++
		}
		if got[true] != mostToOne || got[false] != mostToOne+5 || h.counts["tls given-up"] != 5 || h.kept() != 0 {
			t.Errorf("%v, %v, %d are kept", got, h.counts, h.kept())
		}
	})
	t.Run("a host", func(t *testing.T) {
		h := newHouse(t)
		h.answer = 503
		for i := range mostToHost / 4 {
			domain := fmt.Sprintf("evil%d.test", i)
			var list []string
			for j := range 4 {
				list = append(list, fmt.Sprintf("https://example.com/%d/%d", i, j))
			}
			h.asks(domain, "v=TLSRPTv1; rua="+strings.Join(list, ","))
			h.session(domain, "")
		}
		h.flush()
		h.dueAll()
		h.send()
		h.want("there is trouble")
		h.now = h.now.Add(firstRetry)
		h.send()
		if h.asked != mostToHost || h.counts["tls given-up"] != mostToHost || h.kept() != 0 {
			t.Errorf("%d requests, %v, %d are kept", h.asked, h.counts, h.kept())
		}
		h.now = h.now.Add(24 * time.Hour)
		if why, ok := h.s.mayHave("evil.test", reports.Destination{URL: "https://example.com/"}, h.now); !ok {
			t.Errorf("on the next day: %s", why)
		}
	})
	t.Run("others each time", func(t *testing.T) {
		h := newHouse(t)
		h.answer = 503
		h.session("evil.example", "")
		h.flush()
		h.dueAll()
		for i := range 30 {
			h.asks("evil.example", fmt.Sprintf("v=TLSRPTv1; rua=https://example.com/,mailto:a%d@victim.test,mailto:b%d@victim.test,mailto:c%d@victim.test", i, i, i))
			h.send()
			h.now = h.now.Add(30 * time.Minute)
		}
		if len(h.queued) != 3 || h.kept() != 1 {
			t.Errorf("%d mails, %d are kept", len(h.queued), h.kept())
		}
	})
}

// TestOneOrganisationIsBounded: who has any number of names below one that he has registered leaves
// room for others.
func TestOneOrganisationIsBounded(t *testing.T) {
	h := newHouse(t)
	for range 2 { // the second time what is stored counts
		for i := range maxBelow + 5 {
			h.session(fmt.Sprintf("d%d.evil.example", i), "")
		}
		h.session("far.example", "")
		if len(h.s.fresh) != maxBelow+1 || h.s.left != 5 {
			t.Errorf("%d in memory, %d left out", len(h.s.fresh), h.s.left)
		}
		h.flush()
		for i := range 5 {
			h.session(fmt.Sprintf("e%d.evil.example", i), "")
		}
		h.flush()
		if h.kept() != maxBelow+1 {
			t.Errorf("%d are kept", h.kept())
		}
	}
}

// TestWhoFailsGoesBehind: those that became due last have their turn first, and what fails is tried
// behind them.
func TestWhoFailsGoesBehind(t *testing.T) {
	h := newHouse(t)
	var list []about
	for i := range 50 {
		list = append(list, about{kindTLS, tally.DayOf(noon), fmt.Sprintf("d%d.example", i)})
	}
	h.now = tally.DayOf(noon).End().Add(window / 2)
	got := h.s.inTurn(slices.Clone(list), h.now)
	if len(got) == 0 || len(got) == len(list) {
		t.Fatalf("%d of them are due", len(got))
	}
	for i, a := range got {
		at := h.s.Due(a.domain, a.day)
		if at.After(h.now) || i > 0 && at.After(h.s.Due(got[i-1].domain, a.day)) {
			t.Errorf("%s is due at %s", a.domain, at)
		}
	}
}

// TestSlowOneIsEnded: a domain whose DNS takes its time has so much of it in all, and is tried
// again as one that does not answer.
func TestSlowOneIsEnded(t *testing.T) {
	h := newHouse(t)
	h.s.patience = time.Millisecond
	h.s.Organisational = func(ctx context.Context, domain string) (string, error) {
		<-ctx.Done()
		return domain, ctx.Err()
	}
	h.records["_dmarc.slow.example"] = []string{"v=DMARC1; p=none; rua=mailto:a@a.example"}
	h.mail("slow.example", "pass", true)
	h.flush()
	h.dueAll()
	began := time.Now()
	h.send()
	if took := time.Since(began); took > askTime || h.kept() != 1 {
		t.Errorf("it took %s, %d are kept", took, h.kept())
	}
	h.s.patience, h.s.Organisational = oneTime, func(context.Context, string) (string, error) { return "example", nil }
	h.now = h.now.Add(firstRetry)
	h.send()
	h.want("later", "slow.example 2026-11-28 a@a.example queued 1/0")
}

// TestLostNumberHoldsNothingUp: where the number of the last report is lost, reports are sent and
// noted all the same, once.
func TestLostNumberHoldsNothingUp(t *testing.T) {
	for name, spoil := range map[string]func(sp mailstore.Space) error{
		"gone":    func(sp mailstore.Space) error { return sp.Delete(lastKey) },
		"older":   func(sp mailstore.Space) error { return sp.PutNumber(lastKey, 0) },
		"damaged": nil,
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			err := h.store.Update(t.Context(), func(tx *mailstore.Tx) error {
				return note(tx.Space(space), &Sent{Kind: reports.KindTLS, Domain: "a.example", Begin: noon, To: "x@a.example", Outcome: Queued, At: h.now}, h.now)
			})
			if err == nil && spoil != nil {
				err = h.store.Update(t.Context(), func(tx *mailstore.Tx) error { return spoil(tx.Space(space)) })
			}
			if err != nil {
				t.Fatal(err)
			}
			if spoil == nil {
				h.flips(lastKey)
			}
			h.asks("far.example", "v=TLSRPTv1; rua=https://example.com/")
			h.session("far.example", "")
			h.flush()
			h.dueAll()
			h.send()
			h.send()
			h.want("behind the damage", "far.example 2026-11-28 https://example.com/ posted 1/0", "a.example 2026-11-28 x@a.example queued 0/0")
			if len(h.posted) != 1 {
				t.Errorf("it was posted %d times", len(h.posted))
			}
		})
	}
}

// flips flips an octet of a value on the disk, and begins with that.
func (h *house) flips(key []byte) {
	h.Helper()
	if err := h.store.Close(); err != nil {
		h.Fatal(err)
	}
	db, err := badger.Open(badger.DefaultOptions(h.dir).WithLogger(nil))
	if err != nil {
		h.Fatal(err)
	}
	err = db.Update(func(txn *badger.Txn) error {
		at := append([]byte("s"+space+"\x00"), key...)
		item, err := txn.Get(at)
		if err != nil {
			return err
		}
		b, err := item.ValueCopy(nil)
		if err != nil {
			return err
		}
		b[len(b)/2] ^= 4
		return txn.Set(at, b)
	})
	if err := errors.Join(err, db.Close()); err != nil {
		h.Fatal(err)
	}
	if h.store, err = mailstore.Open(h.dir, slog.New(slog.DiscardHandler)); err != nil {
		h.Fatal(err)
	}
	h.again()
}
