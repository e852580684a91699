package verifier

import (
	"context"
	"errors"
	"fmt"

	"cairn/consensus"
	"cairn/mailstore"
)

// Retrust looks again at all stored mail from domain after the trust in it
// has changed, at mail that was sent on as that domain, and at mail whose
// recording organisation was pinned or was pinned no longer by that.
// What it does not finish, Run does.
func (v *Verifier) Retrust(ctx context.Context, domain string) error {
	decided, _ := v.trust.entry(domain)
	// Deliveries that began under the old trust are in the store after this, and so is what the
	// chain was followed by.
	err := v.store.Update(ctx, func(*mailstore.Tx) error { return nil })
	if err == nil {
		err = v.Follow(ctx, v.cfg().Now())
	}
	var prefixes [][]byte
	if err == nil {
		prefixes, err = v.concerned(domain)
	}
	for _, prefix := range prefixes {
		if err == nil {
			err = v.retrustAll(ctx, decided, prefix)
		}
	}
	if err == nil {
		err = v.trust.settled(ctx, decided)
	}
	if err != nil {
		v.unsettled.Store(true)
	}
	if errors.Is(err, errAhead) { // Run does it with the next block
		v.log.Info("verifier: the chain grows faster than it is followed; mail of a domain is looked at again later", "domain", domain)
		return nil
	}
	if err != nil {
		return fmt.Errorf("look again at mail from %s: %w", domain, err)
	}
	return nil
}

// errAhead: the chain grows, or takes another branch, faster than it is followed.
var errAhead = errors.New("the chain is ahead of what is known about the mail")

// maxAhead is how many times in a row Retrust follows the chain for that.
const maxAhead = 8

// retrustAll looks at all messages with keys that begin with prefix, once the chain was followed as
// far as what it says of them.
func (v *Verifier) retrustAll(ctx context.Context, decided entry, prefix []byte) error {
	behind := 0
	for from := prefix; from != nil; {
		next, err := v.retrust(ctx, decided, prefix, from)
		switch {
		case errors.Is(err, errAhead) && behind < maxAhead:
			behind++
			err = v.Follow(ctx, v.cfg().Now())
		case err == nil:
			behind, from = 0, next
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// retrustUnsettled is Retrust for what was pinned or taken back before this
// process was started or whoever asked went away, and was not looked at since.
func (v *Verifier) retrustUnsettled(ctx context.Context) error {
	if !v.unsettled.Swap(false) {
		return nil
	}
	for _, domain := range v.trust.unsettled() {
		if err := v.Retrust(ctx, domain); err != nil {
			return err
		}
	}
	return nil
}

// concerned returns the prefixes of the keys of all mail that a change of trust in domain concerns:
// what is from there, what a forwarder there sent on, and what an organisation recorded that was
// pinned when that was judged and is not now, or the other way round.
func (v *Verifier) concerned(domain string) (prefixes [][]byte, err error) {
	state := v.chain.State()
	prefixes = [][]byte{domainPrefix(domain), viaPrefix(domain)}
	err = v.store.View(func(rd *mailstore.Reader) error {
		sp := rd.Space(space)
		for from := []byte(prefixOrg); ; {
			keys, err := scanKeys(sp, []byte(prefixOrg), from, 1)
			if err != nil || len(keys) == 0 {
				return err
			}
			id := consensus.Hash(keys[0][len(prefixOrg):])
			if org, ok := state.Org(id); ok {
				prefixes = append(prefixes, orgPrefix(id, !v.trust.hasPinned(keysOf(state, org))))
			}
			from = append(append([]byte(prefixOrg), id[:]...), 2) // behind its mail, which has 0 or 1 there
		}
	})
	return prefixes, err
}

// retrust looks at the next messages with keys that begin with prefix, not below from, and returns
// where to go on: nowhere after the last message. errAhead: at from again, after the chain was
// followed.
func (v *Verifier) retrust(ctx context.Context, decided entry, prefix, from []byte) (next []byte, err error) {
	// Else what is found out here could overwrite what another finds out later.
	v.retrusting.Lock()
	defer v.retrusting.Unlock()
	state := v.chain.State()
	found := make(map[mailstore.Ref]*Finding)
	err = v.store.View(func(rd *mailstore.Reader) error {
		keys, err := scanKeys(rd.Space(space), prefix, from, reviseStep)
		if err != nil || len(keys) == 0 {
			return err
		}
		next = append(keys[len(keys)-1], 0)
		cursor, err := cursorIn(rd.Space(space))
		if err != nil {
			return err
		}
		followed := cursor.ID == state.Tip()
		for _, key := range keys {
			f, err := Of(rd, mailstore.RefOf(key))
			if errors.Is(err, mailstore.ErrNotFound) || errors.Is(err, mailstore.ErrDamaged) {
				continue
			}
			if err != nil {
				return err
			}
			switch org, ok := f.recordingOrg(state); {
			case f.Record.IsZero():
				found[mailstore.RefOf(key)] = f
			case ok && (f.judgedBy(org) || followed):
				found[mailstore.RefOf(key)] = f
			case !followed && (ok || !f.Org.IsZero()):
				return errAhead
			}
		}
		return nil
	})
	if err != nil || len(found) == 0 {
		return next, err
	}
	asked := v.askRetrusted(ctx, state, decided, found)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	// While the chain is followed the DNS is not waited for.
	v.following.Lock()
	defer v.following.Unlock()
	now := v.chain.State()
	err = v.store.Update(ctx, func(tx *mailstore.Tx) error {
		for ref, a := range asked {
			err := v.change(tx, ref, func(f *Finding) error {
				if was := found[ref]; f.Org != was.Org || f.OrgEvent != was.OrgEvent || !f.sameOrg(was, state, now) || f.contested(state, now) {
					return errAhead // asked of another organisation, or of others than there are now
				}
				v.identify(f, a)
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return next, err
}

// askRetrusted asks all about messages that a decision concerns.
func (v *Verifier) askRetrusted(ctx context.Context, s *consensus.State, decided entry, found map[mailstore.Ref]*Finding) map[mailstore.Ref]answers {
	asked := make(map[mailstore.Ref]answers, len(found))
	unpinned := ""
	if decided.TakenBack {
		unpinned = decided.Domain
	}
	for ref, f := range found {
		if f.Record.IsZero() {
			asked[ref] = v.askDeclared(ctx, s, f)
			continue
		}
		org, _ := f.recordingOrg(s)
		w := v.wordOf(ctx, s, f, org)
		a := answers{word: &w}
		if f.sentOnBy(decided.Domain) {
			a.onward = v.askOnward(ctx, s, f, unpinned)
		}
		asked[ref] = a
	}
	return asked
}

// sameOrg reports whether the organisation that recorded f's message is what it was, as f was and
// by the chain of then; of a message without a record there is none.
func (f *Finding) sameOrg(was *Finding, then, now *consensus.State) bool {
	if f.Record.IsZero() {
		return true
	}
	old, _ := was.recordingOrg(then)
	org, ok := f.recordingOrg(now)
	return ok && org.ID == old.ID && org.LastEvent == old.LastEvent
}
