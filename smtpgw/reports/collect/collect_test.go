package collect

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"cairn/mailstore"
	"cairn/smtpgw/reports"
)

var moment = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// house is a store with a postmaster, and a collector that follows it.
type house struct {
	*testing.T
	store *mailstore.Store
	c     *Collector
	now   time.Time
	who   string // the author of all mail
}

func newHouse(t *testing.T) *house {
	t.Helper()
	s, err := mailstore.Open(t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	h := &house{T: t, store: s, now: moment, who: "noreply@far.example"}
	h.update(func(tx *mailstore.Tx) error {
		_, err := tx.AddAccount("postmaster", []string{"postmaster@a.example"})
		return err
	})
	h.again()
	return h
}

// again begins with what is stored alone, as after a restart.
func (h *house) again() {
	h.c = New(Config{
		Domains: func() []string { return []string{"a.example"} }, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return h.now },
		Author: func(*mailstore.Reader, mailstore.AccountID, mailstore.MessageID) (string, error) { return h.who, nil },
	}, h.store)
}

func (h *house) update(fn func(*mailstore.Tx) error) {
	h.Helper()
	if err := h.store.Update(h.Context(), fn); err != nil {
		h.Fatal(err)
	}
}

func (h *house) arrives(to, text string, labels ...string) {
	h.Helper()
	h.update(func(tx *mailstore.Tx) error {
		blob, err := tx.PutBlob([]byte(text))
		if err != nil {
			return err
		}
		_, err = tx.AddMessage(mailstore.Message{Account: 1, Blob: blob, Size: int64(len(text)), Received: h.now, Recipients: []string{to}}, append(labels, mailstore.LabelUnread))
		return err
	})
}

// kept tells the reports, the newest first.
func (h *house) kept() (out []string) {
	h.Helper()
	if err := h.c.Follow(h.Context()); err != nil {
		h.Fatal(err)
	}
	err := h.store.View(func(rd *mailstore.Reader) error {
		list, total, err := All(rd, "", h.now.Add(-KeptFor), maxReports)
		if total != len(list) {
			h.Errorf("%d of %d", len(list), total)
		}
		for _, r := range list {
			out = append(out, fmt.Sprintf("%d %s %s %s %v %d/%d", r.Number, r.Kind, r.ID, r.Sender, r.Domains, r.Passed, r.Failed))
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
	if got := h.kept(); !slices.Equal(got, want) {
		h.Errorf("%s: %q, want %q", what, got, want)
	}
}

// dmarc is a report about a domain that ends at a time.
func dmarc(id, domain string, end time.Time, rows ...string) string {
	return fmt.Sprintf(`<feedback><report_metadata><org_name>Far</org_name><report_id>%s</report_id><date_range><begin>%d</begin><end>%d</end></date_range></report_metadata>
<policy_published><domain>%s</domain><p>none</p></policy_published>%s</feedback>`, id, end.Unix()-86400, end.Unix(), domain, strings.Join(rows, ""))
}

func row(source string, count int, dkim string) string {
	return fmt.Sprintf(`<record><row><source_ip>%s</source_ip><count>%d</count><policy_evaluated><disposition>none</disposition><dkim>%s</dkim><spf>fail</spf></policy_evaluated></row><identifiers><header_from>a.example</header_from></identifiers></record>`, source, count, dkim)
}

func mail(report string) string {
	return "From: noreply@far.example\r\nSubject: report\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n--b\r\nContent-Type: application/xml\r\n\r\n" + report + "\r\n--b--\r\n"
}

const tlsReport = `{"organization-name":"Far","report-id":"t","date-range":{"start-datetime":"2026-02-28T00:00:00Z","end-datetime":"2026-02-28T23:59:59Z"},
"policies":[{"policy":{"policy-type":"sts","policy-domain":"a.example"},"summary":{"total-successful-session-count":5,"total-failure-session-count":1},"failure-details":[{"result-type":"certificate-expired","receiving-mx-hostname":"mx.a.example","failed-session-count":1}]},
{"policy":{"policy-type":"sts","policy-domain":"other.example"},"summary":{"total-successful-session-count":70,"total-failure-session-count":0}}]}`

func TestReportsThatAreKept(t *testing.T) {
	h := newHouse(t)
	one := mail(dmarc("1", "a.example", moment, row("192.0.2.1", 3, "pass"), row("192.0.2.9", 2, "fail")))
	h.arrives("Postmaster@A.example", one)
	h.want("the first", "1 dmarc 1 far.example [a.example] 3/2")

	h.arrives("postmaster@a.example", one)
	h.want("it again", "1 dmarc 1 far.example [a.example] 3/2")
	h.again()
	h.arrives("postmaster@a.example", one)
	h.want("it again, after a restart", "1 dmarc 1 far.example [a.example] 3/2")

	h.who = "x@liar.example"
	h.arrives("postmaster@a.example", mail(dmarc("2", "a.example", moment, row("192.0.2.1", 1, "fail"))))
	h.kept()
	h.who = "noreply@far.example"
	h.arrives("postmaster@a.example", mail(dmarc("2", "sub.a.example", moment)))
	h.arrives("postmaster@a.example", mail(tlsReport))
	h.want("others", "4 tls t far.example [a.example] 5/1", "3 dmarc 2 far.example [sub.a.example] 0/0", "2 dmarc 2 liar.example [a.example] 0/1", "1 dmarc 1 far.example [a.example] 3/2")
}

func TestMailThatBringsNone(t *testing.T) {
	for name, tt := range map[string]struct{ to, text, label string }{
		"for somebody":                 {"ann@a.example", mail(dmarc("1", "a.example", moment)), mailstore.LabelInbox},
		"of another domain":            {"postmaster@b.example", mail(dmarc("1", "a.example", moment)), mailstore.LabelInbox},
		"spam":                         {"postmaster@a.example", mail(dmarc("1", "a.example", moment)), mailstore.LabelSpam},
		"quarantine":                   {"postmaster@a.example", mail(dmarc("1", "a.example", moment)), mailstore.LabelQuarantine},
		"about others":                 {"postmaster@a.example", mail(dmarc("1", "b.example", moment)), mailstore.LabelInbox},
		"about a name that ends alike": {"postmaster@a.example", mail(dmarc("1", "xa.example", moment)), mailstore.LabelInbox},
		"of the future":                {"postmaster@a.example", mail(dmarc("1", "a.example", moment.Add(3*maxAhead))), mailstore.LabelInbox},
		"of long ago":                  {"postmaster@a.example", mail(dmarc("1", "a.example", moment.Add(-2*KeptFor))), mailstore.LabelInbox},
		"broken":                       {"postmaster@a.example", mail(dmarc("1", "a.example", moment)[:200]), mailstore.LabelInbox},
		"a letter":                     {"postmaster@a.example", "From: x@y.example\r\n\r\nhello\r\n", mailstore.LabelInbox},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.arrives(tt.to, tt.text, tt.label)
			h.want("kept")
		})
	}
}

func TestReportsExpire(t *testing.T) {
	h := newHouse(t)
	h.arrives("postmaster@a.example", mail(dmarc("1", "a.example", moment)))
	h.want("one", "1 dmarc 1 far.example [a.example] 0/0")
	h.now = moment.Add(KeptFor + time.Hour)
	h.want("after its time")
	h.arrives("postmaster@a.example", mail(dmarc("2", "a.example", h.now)))
	h.want("another", "2 dmarc 2 far.example [a.example] 0/0")
	err := h.store.View(func(rd *mailstore.Reader) error {
		_, err := One(rd, 1)
		if !errors.Is(err, mailstore.ErrNotFound) {
			t.Errorf("the first is still there: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	h.arrives("postmaster@a.example", mail(dmarc("1", "a.example", h.now)))
	h.want("its id, long after", "3 dmarc 1 far.example [a.example] 0/0", "2 dmarc 2 far.example [a.example] 0/0")
}

// What one day may bring is bounded, and what is in all.
func TestReportsAreBounded(t *testing.T) {
	h := newHouse(t)
	h.update(func(tx *mailstore.Tx) error {
		return tx.Space(space).PutNumber(dayKey, dayOf(moment)<<16|(maxPerDay-1))
	})
	for i := range 3 {
		h.arrives("postmaster@a.example", mail(dmarc(fmt.Sprint(i), "a.example", moment)))
	}
	h.want("of a day", "1 dmarc 0 far.example [a.example] 0/0")
	h.now = moment.Add(24 * time.Hour)
	h.arrives("postmaster@a.example", mail(dmarc("4", "a.example", moment)))
	h.want("of the next", "2 dmarc 4 far.example [a.example] 0/0", "1 dmarc 0 far.example [a.example] 0/0")

	h.update(func(tx *mailstore.Tx) error { return tx.Space(space).PutNumber(lastKey, maxReports) })
	h.arrives("postmaster@a.example", mail(dmarc("5", "a.example", moment)))
	h.want("one more than the most", fmt.Sprintf("%d dmarc 5 far.example [a.example] 0/0", maxReports+1), "2 dmarc 4 far.example [a.example] 0/0")
}

// Sources are networks, and what is too much is in the sums.
func TestFigures(t *testing.T) {
	var rows []string
	for i := range maxSources + 10 {
		rows = append(rows, row(fmt.Sprintf("10.0.%d.1", i), 2, "pass"))
	}
	rows = append(rows, row("192.0.2.1", 5, "fail"), row("192.0.2.77", 6, "fail"), row("2001:db8:1:2::3", 4, "pass"), row("::ffff:192.0.2.3", 1, "fail"))
	found, err := reports.Find([]byte(dmarc("1", "a.example.", moment, rows...)))
	if err != nil {
		t.Fatal(err)
	}
	f, err := figures(found[0], []string{"a.example"}, "far.example", moment)
	if err != nil || len(f.Sources) != maxSources || f.Sources[0].Network != "192.0.2.0/24" || f.Sources[0].Messages != 12 || f.Sources[1].Network != "2001:db8:1::/48" {
		t.Fatalf("%+v, %v", f.Sources[:2], err)
	}
	sum := f.Others
	for _, s := range f.Sources {
		sum += s.Messages
	}
	if f.Others != 24 || sum != f.Passed+f.Failed || f.Failed != 12 || f.Domains[0] != "a.example" {
		t.Errorf("%d others, %d in all, %d and %d, %v", f.Others, sum, f.Passed, f.Failed, f.Domains)
	}
}

// Whatever a report says, what is kept of it is bounded, and its figures add up.
func FuzzFigures(f *testing.F) {
	f.Add([]byte(dmarc("1", "a.example", moment, row("192.0.2.1", 3, "pass"))))
	f.Add([]byte(tlsReport))
	f.Fuzz(func(t *testing.T, raw []byte) {
		found, err := reports.Find(raw)
		if err != nil {
			return
		}
		for _, r := range found {
			k, err := figures(r, []string{"a.example"}, "far.example", moment)
			if err != nil {
				continue
			}
			sum := k.Others
			for _, s := range k.Sources {
				sum += s.Messages
			}
			for _, p := range k.Policies {
				sum += p.Passed + p.Failed
			}
			if sum != k.Passed+k.Failed || len(k.Sources) > maxSources || len(k.Policies) > maxPolicies || len(k.Domains) == 0 {
				t.Fatalf("%+v", k)
			}
		}
	})
}

// TestLostNumberOverwritesNothing: where the number of the last report is lost, or is an older one,
// what comes is kept beside what is there.
func TestLostNumberOverwritesNothing(t *testing.T) {
	for name, spoil := range map[string]func(sp mailstore.Space) error{
		"gone":  func(sp mailstore.Space) error { return sp.Delete(lastKey) },
		"older": func(sp mailstore.Space) error { return sp.PutNumber(lastKey, 1) },
	} {
		h := newHouse(t)
		adds := func(id string) {
			h.update(func(tx *mailstore.Tx) error {
				_, err := add(tx.Space(space), &Report{Version: version, Kind: "tls", ID: id, Received: h.now, Domains: []string{"a.example"}})
				return err
			})
		}
		adds("1")
		adds("2")
		h.update(func(tx *mailstore.Tx) error { return spoil(tx.Space(space)) })
		adds("3")
		err := h.store.View(func(rd *mailstore.Reader) error {
			list, _, err := All(rd, "", time.Time{}, 9)
			if len(list) != 3 || list[0].ID != "3" || list[2].ID != "1" {
				t.Errorf("%s: %+v", name, list)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
