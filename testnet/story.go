package testnet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/node/api"
)

// Story is what happened to one mail and to a tampered copy of another.
type Story struct {
	Delivered  Seconds  `json:"delivered"`   // from the gateway's 250 to the recipient's store
	FirstSeen  string   `json:"first_seen"`  // verdict at delivery
	Block      uint64   `json:"block"`       // height of the block that holds the record
	Blocks     uint64   `json:"blocks"`      // how many blocks after the mail was sent
	Verified   Seconds  `json:"verified"`    // from the gateway's 250 to the verdict
	Everywhere int      `json:"everywhere"`  // nodes that hold that block
	Found      string   `json:"found"`       // the message, as a query found it
	Tampered   Tampered `json:"tampered"`    // the copy
	FinalLabel []string `json:"final_label"` // labels of the mail in the end
}

// Tampered is a copy that somebody changed on its way.
type Tampered struct {
	Verdict string   `json:"verdict"`
	Reasons []string `json:"reasons"`
	Labels  []string `json:"labels"`
}

// Seconds is a length of time.
type Seconds float64

func seconds(d time.Duration) Seconds { return Seconds(d.Round(time.Millisecond).Seconds()) }

// String rounds to milliseconds.
func (s Seconds) String() string {
	return time.Duration(float64(s) * float64(time.Second)).Round(time.Millisecond).String()
}

const (
	storyText = "Dear Bob,\n\nwe accept your offer of 12 October: 480 units at 19.50 each.\nPlease deliver by the end of the month.\n\nAlice\n"
	invoice   = "Dear Bob,\n\nplease pay invoice 2207 to account DE02 1203 0000 0000 2020 51.\n\nAlice\n"
)

// tell sends a mail from the first organisation to the second, follows it to
// its block, and shows what becomes of a tampered copy.
func (w *Network) tell(ctx context.Context, t *teller) (*Story, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	st := new(Story)
	if err := w.tellMail(ctx, t, st); err != nil {
		return st, err
	}
	return st, w.tellTampered(ctx, t, st)
}

func (w *Network) tellMail(ctx context.Context, t *teller, st *Story) error {
	a, b := w.Members[0], w.Members[1]
	from, to := w.Address(0), w.Address(1)
	t.say("%s sends a mail to %s through her local gateway.\n", from, to)
	height := a.Chain().Tip().Height
	if err := SendOne(a.SubmissionAddr(), from, to, Compose(from, to, "Order 4711", storyText)); err != nil {
		return fmt.Errorf("send through the gateway of %s: %w", a.Name, err)
	}
	accepted := time.Now()
	mail, err := b.AwaitMail(ctx, person(1), Subject("Order 4711"))
	if err != nil {
		return err
	}
	st.Delivered = seconds(max(0, mail.Received.Sub(accepted)))
	st.FirstSeen = atArrival(mail.Raw)
	t.say("  %8s  delivered to %s's node; verdict at arrival: %s\n", st.Delivered, b.Name, st.FirstSeen)

	verified, err := b.AwaitMail(ctx, person(1), Both(Subject("Order 4711"), Judged(record.Verified)))
	if err != nil {
		return err
	}
	st.Verified = seconds(time.Since(accepted))
	st.Block = verified.Finding.Block.Height
	st.Blocks = st.Block - min(st.Block, height)
	st.FinalLabel = verified.Labels
	t.say("  %8s  %s: its record is in block %d, %s after it was sent\n", st.Verified, record.Verified, st.Block, count(st.Blocks, "block"))
	// On a busy machine blocks may come faster than they should, at first.
	if pace := seconds(a.Chain().State().Params().BlockInterval); st.Blocks > 3 && st.Verified > 3*pace {
		return fmt.Errorf("the record took %d blocks and %s to get into one", st.Blocks, st.Verified)
	}
	f := verified.Finding.Facts.Comparison
	t.say("            %d of %d parts are as recorded; recorded by %q, trusted for %s\n", f.Same, f.Recorded+f.Extra, a.Name, a.Domain)
	if verified, err = b.AwaitMail(ctx, person(1), Both(Subject("Order 4711"), w.Everywhere)); err != nil {
		return err
	}
	st.Block, st.Everywhere = verified.Finding.Block.Height, len(w.Members)
	t.say("            block %d stands on all %d nodes\n", st.Block, st.Everywhere)

	query := api.SearchRequest{Account: person(1), Query: "units from:alice verdict:verified"}
	var found *api.SearchResult
	err = b.await(ctx, func() (_ bool, err error) {
		found, err = b.Search(ctx, query)
		return err == nil && found.Total > 0, err
	})
	if err != nil {
		return fmt.Errorf("search for %q: %w", query.Query, err)
	}
	if found.Total != 1 {
		return fmt.Errorf("the query %q finds %d messages, not the one", query.Query, found.Total)
	}
	st.Found = found.Messages[0].Ref
	t.say("            the query \"%s\" finds it: %s\n\n", query.Query, st.Found)
	return nil
}

// Everywhere is a condition for AwaitMail: a block that holds the record
// stands on every node. The mail may change its block while it is waited for.
func (w *Network) Everywhere(mail *Mail) bool {
	return mail.Verdict() == record.Verified && !slices.ContainsFunc(w.Members, func(m *Member) bool { return !m.Chain().BestHas(mail.Finding.Block) })
}

// tellTampered plays somebody who gets hold of a mail on its way, changes the
// account number in it and delivers the copy.
func (w *Network) tellTampered(ctx context.Context, t *teller, st *Story) error {
	b, from, to := w.Members[1], w.Address(0), w.Address(1)
	t.say("Somebody changes the account number in a mail of hers and delivers the copy to %s.\n", b.Name)
	if err := SendOne(w.Members[0].SubmissionAddr(), from, to, Compose(from, to, "Invoice 2207", invoice)); err != nil {
		return err
	}
	original, err := b.AwaitMail(ctx, person(1), Both(Subject("Invoice 2207"), Judged(record.Verified)))
	if err != nil {
		return err
	}
	copied := bytes.Replace(original.AsSent(), []byte("DE02 1203 0000 0000 2020 51"), []byte("GB33 BUKB 2020 1555 5555 55"), 1)
	if err := SendOne(b.InboundAddr(), from, to, copied); err != nil {
		return fmt.Errorf("deliver the copy to %s: %w", b.Name, err)
	}
	caught, err := b.AwaitMail(ctx, person(1), func(m *Mail) bool { return bytes.Contains(m.Raw, []byte("GB33 BUKB")) })
	if err != nil {
		return err
	}
	st.Tampered = Tampered{Verdict: string(caught.Verdict()), Reasons: caught.Finding.Reasons, Labels: caught.Labels}
	t.say("            verdict: %s, filed under %s\n", caught.Verdict(), where(caught.Labels))
	for _, reason := range caught.Finding.Reasons {
		t.say("            - %s\n", reason)
	}
	if caught.Verdict() != record.Differs || slices.Contains(caught.Labels, mailstore.LabelInbox) {
		return errors.New("the tampered copy was not found out")
	}
	for _, p := range caught.Finding.Facts.Comparison.Parts {
		if (p.Outcome == record.Same) == (p.Type.String() == "text") {
			return fmt.Errorf("of the tampered copy only the text differs, but %s is said to be %s", p.Type, p.Outcome)
		}
	}
	return nil
}

// atArrival reads the verdict that a node wrote into Authentication-Results.
func atArrival(raw []byte) string {
	_, rest, ok := bytes.Cut(raw, []byte("verdict="))
	if !ok {
		return ""
	}
	end := bytes.IndexFunc(rest, func(r rune) bool { return r < 'a' || r > 'z' })
	return string(rest[:max(end, 0)])
}

// where names the place that labels put a message in.
func where(labels []string) string {
	for _, l := range []string{mailstore.LabelInbox, mailstore.LabelSpam, "quarantine"} {
		if slices.Contains(labels, l) {
			return l
		}
	}
	return "nothing"
}

func count(n uint64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
