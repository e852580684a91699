package verifier

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"cairn/consensus"
	"cairn/mailstore"
)

const (
	// askEvery is how long a DNS that did not answer is left in peace.
	askEvery = time.Minute
	// askStep is how many domains are asked about at a time, so that those whose DNS
	// is dead for good hold nothing up.
	askStep = 16
)

func askKey(domain string) []byte { return []byte(prefixAsk + domain) }

// noteUnanswered notes the domains whose DNS has to be asked again about f's
// message: those that some organisation claims and that are not pinned.
func (v *Verifier) noteUnanswered(sp mailstore.Space, f *Finding) error {
	var domains []string
	if f.Unanswered {
		domains = slices.Clone(f.Domains)
	}
	if f.Onward != nil && f.Onward.Unanswered {
		for _, h := range f.Onward.By {
			domains = append(domains, h.Domain)
		}
	}
	state := v.chain.State()
	for _, domain := range domains {
		if _, pinned := v.trust.PinOf(domain); pinned || !consensus.ValidDomain(domain) || len(state.OrgsByDomain(domain)) == 0 {
			continue
		}
		if err := sp.Put(askKey(domain), nil); err != nil {
			return err
		}
	}
	return nil
}

// askLoop asks every so often until ctx is done.
func (v *Verifier) askLoop(ctx context.Context) {
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	var from []byte
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		next, err := v.askAgain(ctx, from, time.Now())
		if err != nil && ctx.Err() == nil {
			v.log.Error("verifier: asking the DNS again failed", "err", err)
		}
		from = next
	}
}

// askAgain asks the DNS of domains that did not answer when mail from there was
// judged, those from a key on and a bounded number, and judges the mail of those
// that answer now. It returns the key to go on with, nil: from the first one.
func (v *Verifier) askAgain(ctx context.Context, from []byte, now time.Time) (next []byte, err error) {
	var keys [][]byte
	err = v.store.View(func(rd *mailstore.Reader) (err error) {
		keys, err = scanKeys(rd.Space(space), askKey(""), from, askStep)
		return err
	})
	if err != nil {
		return from, fmt.Errorf("read whose DNS to ask: %w", err)
	}
	var answered [][]byte
	for _, key := range keys {
		if v.trust.answers(ctx, string(key[len(prefixAsk):])) {
			answered = append(answered, key)
		}
	}
	if len(keys) == askStep {
		next = append(keys[askStep-1], 0)
	}
	if len(answered) == 0 {
		return next, nil
	}
	err = v.store.Update(ctx, func(tx *mailstore.Tx) error {
		sp := tx.Space(space)
		for _, key := range answered {
			domain := string(key[len(prefixAsk):])
			if err := errors.Join(putDueIfAny(sp, domainPrefix(domain), 0), putDueIfAny(sp, viaPrefix(domain), 0), sp.Delete(key)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return from, fmt.Errorf("note whose DNS answers: %w", err)
	}
	return next, v.Follow(ctx, now)
}
