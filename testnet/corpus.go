package testnet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/textproto"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"cairn/consensus/chain"
	"cairn/consensus/record"
)

// senders is how many sessions carry a corpus into the gateway side by side.
const senders = 4

// CorpusReport says what became of a folder of messages that was sent from
// the first organisation to the second.
type CorpusReport struct {
	Sent      int            `json:"sent"`
	Refused   int            `json:"refused"`
	Reasons   map[string]int `json:"refused_because"` // reply of the gateway -> messages
	Delivered int            `json:"delivered"`
	PutRight  int            `json:"put_right"` // messages of which submission mended more than what is missing
	Altered   []string       `json:"altered"`   // files that arrived with other bytes than they left with
	Lost      []string       `json:"lost"`      // files that had their 250 and did not arrive
	Verdicts  map[string]int `json:"verdicts"`  // in the end
	Mismatch  map[string]int `json:"component_mismatches"`

	DeliveryMedian Seconds `json:"delivery_median"` // from the 250 to the recipient's store
	DeliveryP99    Seconds `json:"delivery_p99"`
	BlockMedian    Seconds `json:"block_median"` // from the 250 to the time of the block
	BlockP99       Seconds `json:"block_p99"`
	PerSecond      float64 `json:"messages_per_second"` // from the first byte sent to the last delivery
}

// item is one message of a corpus on its way.
type item struct {
	file     string
	raw      []byte // with CRLF line ends
	refusal  string
	accepted time.Time // when its 250 came
}

// sendCorpus sends all items and waits until what was accepted has arrived and
// has its final verdict.
func (w *Network) sendCorpus(ctx context.Context, items []*item, progress io.Writer) (*CorpusReport, error) {
	r := &CorpusReport{Reasons: map[string]int{}, Verdicts: map[string]int{}, Mismatch: map[string]int{}}
	bar := newBar(progress, len(items), "sending")
	begin := time.Now()
	if err := w.submit(ctx, items, bar); err != nil {
		return r, err
	}
	for _, it := range items {
		r.Sent++
		if it.refusal != "" {
			r.Refused++
			r.Reasons[it.refusal]++
		}
	}
	arrived, err := w.awaitCorpus(ctx, r.Sent-r.Refused)
	if err != nil {
		return r, err
	}
	if err := r.tally(w, items, arrived, begin); err != nil {
		return r, err
	}
	return r, r.verdict()
}

// readCorpus reads all regular files below dir. Archives keep LF line ends;
// such files get the CRLF that SMTP asks for, and the last line its end.
func readCorpus(dir string) ([]*item, error) {
	var items []*item
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !bytes.Contains(raw, []byte("\r\n")) {
			raw = bytes.ReplaceAll(raw, []byte("\n"), []byte("\r\n"))
		}
		if !bytes.HasSuffix(raw, []byte("\r\n")) {
			raw = append(raw, "\r\n"...) // RFC 5321, section 4.1.1.4: data ends with a line end
		}
		name, err := filepath.Rel(dir, path)
		items = append(items, &item{file: name, raw: raw})
		return err
	})
	if err == nil && len(items) == 0 {
		err = errors.New("it holds no file")
	}
	if err != nil {
		return nil, fmt.Errorf("read the corpus %s: %w", dir, err)
	}
	return items, nil
}

// submit sends all items through the first member's gateway, in sessions that
// are reused.
func (w *Network) submit(ctx context.Context, items []*item, bar *progressbar.ProgressBar) error {
	next := make(chan *item)
	errs := make([]error, senders)
	var wg sync.WaitGroup
	for i := range senders {
		wg.Go(func() {
			var c *Client
			for it := range next {
				if errs[i] != nil {
					continue
				}
				if c == nil {
					if c, errs[i] = DialSMTP(w.Members[0].SubmissionAddr()); errs[i] != nil {
						continue
					}
				}
				err := c.Send(w.Address(0), []string{w.Address(1)}, it.raw)
				it.accepted = time.Now()
				var refusal *textproto.Error
				switch {
				case errors.As(err, &refusal):
					it.refusal = fmt.Sprintf("%d %s", refusal.Code, refusal.Msg)
					if refusal.Code == 421 || errors.Is(err, io.EOF) {
						c.Close()
						c = nil
					}
				case err != nil:
					errs[i] = fmt.Errorf("send %s: %w", it.file, err)
				}
				bar.Add(1)
			}
			if c != nil {
				c.Quit()
			}
		})
	}
	for _, it := range items {
		select {
		case next <- it:
		case <-ctx.Done():
		}
	}
	close(next)
	wg.Wait()
	bar.Finish()
	return errors.Join(append(errs, ctx.Err())...)
}

// awaitCorpus waits until n messages have arrived at the second member and
// none of them is pending any more. It gives up when nothing has moved for a
// while.
func (w *Network) awaitCorpus(ctx context.Context, n int) ([]Mail, error) {
	m := w.Members[1]
	wake, cancel := m.Store().Subscribe()
	defer cancel()
	for {
		st, err := m.Status(ctx)
		if err != nil {
			return nil, err
		}
		if st.Mail.Messages >= n && st.Mail.Pending == 0 {
			return m.Mailbox(person(1))
		}
		select {
		case <-wake:
		case <-time.After(patience):
			box, err := m.Mailbox(person(1))
			return box, errors.Join(err, fmt.Errorf("nothing moved for %s: %d of %d arrived, %d pending", patience, st.Mail.Messages, n, st.Mail.Pending))
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// tally lays what arrived beside what was sent. A message is known by its
// bytes, apart from what gateways add on top and submission removes; one that
// submission put right has those of the sender's copy.
func (r *CorpusReport) tally(w *Network, items []*item, arrived []Mail, begin time.Time) error {
	m := w.Members[1]
	left, err := w.Members[0].sentCopies(person(0))
	if err != nil {
		return err
	}
	waiting := make(map[string][]*item)
	for _, it := range items {
		if it.refusal == "" {
			key := core(it.raw)
			waiting[key] = append(waiting[key], it)
		}
	}
	blocks := make(map[chain.Index]time.Time)
	var delivery, toBlock []time.Duration
	var last time.Time
	for i := range arrived {
		mail := &arrived[i]
		r.Delivered++
		r.Verdicts[string(mail.Verdict())]++
		for _, p := range mail.Finding.Facts.Comparison.Parts {
			if p.Outcome != record.Same {
				r.Mismatch[p.String()]++
			}
		}
		it := take(waiting, mail)
		if it == nil {
			if _, below := cutField(mail.AsSent()); left[core(below)] {
				r.PutRight++
			} else {
				r.Altered = append(r.Altered, fmt.Sprintf("message %d", mail.ID))
			}
			continue
		}
		delivery = append(delivery, max(0, mail.Received.Sub(it.accepted)))
		if at := mail.Finding.Block; !at.IsZero() {
			if _, ok := blocks[at]; !ok {
				if b, err := m.Chain().Block(at.ID); err == nil {
					blocks[at] = time.UnixMilli(int64(b.Header.Time))
				}
			}
			toBlock = append(toBlock, max(0, blocks[at].Sub(it.accepted)))
		}
		if mail.Received.After(last) {
			last = mail.Received
		}
	}
	for _, left := range waiting {
		for _, it := range left {
			r.Lost = append(r.Lost, it.file)
		}
	}
	if len(r.Lost) == r.PutRight { // which of them is which cannot be told by their bytes
		r.Lost = nil
	}
	slices.Sort(r.Lost)
	r.DeliveryMedian, r.DeliveryP99 = quantiles(delivery)
	r.BlockMedian, r.BlockP99 = quantiles(toBlock)
	if last.After(begin) {
		r.PerSecond = float64(r.Delivered) / last.Sub(begin).Seconds()
	}
	return nil
}

// sentCopies returns the cores of the messages that an account sent, as they left.
func (m *Member) sentCopies(account string) (map[string]bool, error) {
	box, err := m.Mailbox(account)
	sent := make(map[string]bool)
	for i := range box {
		if box[i].Outgoing {
			sent[core(box[i].Raw)] = true
		}
	}
	return sent, err
}

// take finds the item that mail is, below what gateways put on top of it.
func take(waiting map[string][]*item, mail *Mail) *item {
	raw := mail.AsSent()
	for range 64 {
		key := core(raw)
		if list := waiting[key]; len(list) > 0 {
			if len(list) == 1 {
				delete(waiting, key)
			} else {
				waiting[key] = list[1:]
			}
			return list[0]
		}
		// Drop the field on top: token, Received, a Date or Message-ID that
		// submission added.
		_, rest := cutField(raw)
		if rest == nil {
			return nil
		}
		raw = rest
	}
	return nil
}

// core is what must arrive as it was sent: a message without the fields that
// submission or delivery removes: Bcc, foreign tokens, what mail programs and
// filters elsewhere noted.
func core(raw []byte) string {
	var b strings.Builder
	for {
		field, rest := cutField(raw)
		if rest == nil {
			b.Write(raw)
			return b.String()
		}
		name, _, _ := bytes.Cut(field, []byte(":"))
		switch strings.ToLower(string(bytes.TrimSpace(name))) {
		case "bcc", "resent-bcc", "cairn-record", "cairn-components", "return-path",
			"content-length", "lines", "status", "x-status", "x-uid", "x-keywords":
		default:
			if !foreignNote.Match(field) {
				b.Write(field)
			}
		}
		raw = rest
	}
}

// foreignNote is a field with a prefix that submission or delivery removes.
var foreignNote = regexp.MustCompile(`(?i)^x-(mozilla|spam|ms-exchange-organization)-`)

// cutField splits the top header field, its folded lines included, from what
// follows; rest is nil when the header is over.
func cutField(raw []byte) (field, rest []byte) {
	if len(raw) == 0 || bytes.HasPrefix(raw, []byte("\r\n")) {
		return nil, nil
	}
	for i := 0; i < len(raw); {
		n := bytes.IndexByte(raw[i:], '\n')
		if n < 0 {
			return raw, []byte{}
		}
		i += n + 1
		if i >= len(raw) || raw[i] != ' ' && raw[i] != '\t' {
			return raw[:i], raw[i:]
		}
	}
	return raw, []byte{}
}

// quantiles gives the median and the 99th percentile.
func quantiles(d []time.Duration) (median, p99 Seconds) {
	if len(d) == 0 {
		return 0, 0
	}
	slices.Sort(d)
	return seconds(d[len(d)/2]), seconds(d[len(d)*99/100])
}

// verdict is an error when anything went wrong that must not.
func (r *CorpusReport) verdict() error {
	var errs []error
	if n := len(r.Lost); n > 0 {
		errs = append(errs, fmt.Errorf("%d messages had their 250 and were lost", n))
	}
	if n := len(r.Altered); n > 0 {
		errs = append(errs, fmt.Errorf("%d messages arrived with other bytes", n))
	}
	if len(r.Mismatch) > 0 {
		errs = append(errs, fmt.Errorf("%d kinds of components do not match their record", len(r.Mismatch)))
	}
	for reason := range r.Reasons {
		if !strings.HasPrefix(reason, "5") {
			errs = append(errs, fmt.Errorf("a message was refused, but not for good: %s", reason))
		}
	}
	return errors.Join(errs...)
}

func (r *CorpusReport) print(t *teller) {
	t.say("  sent       %6d\n  refused    %6d\n", r.Sent, r.Refused)
	for _, reason := range slices.Sorted(maps.Keys(r.Reasons)) {
		t.say("             %6d  %s\n", r.Reasons[reason], reason)
	}
	t.say("  delivered  %6d\n", r.Delivered)
	for _, v := range slices.Sorted(maps.Keys(r.Verdicts)) {
		t.say("             %6d  %s\n", r.Verdicts[v], v)
	}
	t.say("  put right  %6d\n", r.PutRight)
	t.say("  altered    %6d\n  lost       %6d\n", len(r.Altered), len(r.Lost))
	t.say("  component mismatches %d\n", len(r.Mismatch))
	for _, m := range slices.Sorted(maps.Keys(r.Mismatch)) {
		t.say("             %6d  %s\n", r.Mismatch[m], m)
	}
	t.say("  delivery   median %s, p99 %s\n", r.DeliveryMedian, r.DeliveryP99)
	t.say("  to a block median %s, p99 %s\n", r.BlockMedian, r.BlockP99)
	t.say("  %.0f messages/s from the first byte sent to the last delivery\n", r.PerSecond)
}

// newBar is a progress bar on a terminal, and silent elsewhere.
func newBar(w io.Writer, n int, what string) *progressbar.ProgressBar {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		w = io.Discard
	}
	return progressbar.NewOptions(n, progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(what), progressbar.OptionShowCount())
}
