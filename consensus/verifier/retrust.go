package verifier

import (
	"context"
	"errors"
	"fmt"

	"cairn/consensus"
	"cairn/mailstore"
)

// Retrust looks again at all stored mail from domain after the trust in it
// has changed, at mail that a known forwarder of that domain sent on, and at
// mail whose recording organisation was pinned or was pinned no longer by that.
// What it does not finish, Run does.
func (v *Verifier) Retrust(ctx context.Context, domain string) error {
	decided, _ := v.trust.entry(domain)
	// Deliveries that began under the old trust are in the store after this.
	err := v.store.Update(ctx, func(*mailstore.Tx) error { return nil })
	var prefixes [][]byte
	if err == nil {
		prefixes, err = v.concerned(domain)
	}
	for _, prefix := range prefixes {
		for from := prefix; from != nil && err == nil; {
			from, err = v.retrust(ctx, domain, prefix, from)
		}
	}
	if err == nil {
		err = v.trust.settled(ctx, decided)
	}
	if err != nil {
		v.unsettled.Store(true)
		return fmt.Errorf("look again at mail from %s: %w", domain, err)
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
		for from := []byte(orgSpace); ; {
			keys, err := scanKeys(sp, []byte(orgSpace), from, 1)
			if err != nil || len(keys) == 0 {
				return err
			}
			id := consensus.Hash(keys[0][len(orgSpace):])
			if org, ok := state.Org(id); ok {
				prefixes = append(prefixes, orgPrefix(id, !v.trust.hasPinned(keysOf(state, org))))
			}
			from = append(append([]byte(orgSpace), id[:]...), 2) // behind its mail, which has 0 or 1 there
		}
	})
	return prefixes, err
}

// retrust looks at the next messages with keys that begin with prefix, not below from, and returns
// where to go on: at from again if the chain overtook it, nowhere after the last message.
func (v *Verifier) retrust(ctx context.Context, domain string, prefix, from []byte) (next []byte, err error) {
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
		for _, key := range keys {
			f, err := Of(rd, mailstore.RefOf(key))
			if errors.Is(err, mailstore.ErrNotFound) || errors.Is(err, mailstore.ErrDamaged) {
				continue
			}
			if err != nil {
				return err
			}
			if org, ok := f.recordingOrg(state); ok && f.judgedBy(org) {
				found[mailstore.RefOf(key)] = f
			}
		}
		return nil
	})
	if err != nil || len(found) == 0 {
		return next, err
	}
	words := make(map[mailstore.Ref]word, len(found))
	handlers := make(map[mailstore.Ref]Answer)
	for ref, f := range found {
		org, _ := f.recordingOrg(state)
		words[ref] = v.wordOf(ctx, state, f, org)
		if f.sentOnBy(domain) {
			handlers[ref] = v.askOnward(ctx, state, f)
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	// While the chain is followed the DNS is not waited for.
	v.following.Lock()
	defer v.following.Unlock()
	now := v.chain.State()
	err = v.store.Update(ctx, func(tx *mailstore.Tx) error {
		for ref, w := range words {
			err := v.change(tx, ref, func(f *Finding) error {
				was := found[ref]
				if f.Org != was.Org || f.OrgEvent != was.OrgEvent || f.contested(state, now) {
					next = from // asked of another organisation, or of others than there are now
				} else if org, ok := f.recordingOrg(now); ok && f.judgedBy(org) {
					f.recordedBy(org, w, v.cfg())
					if a, asked := handlers[ref]; asked {
						f.sentOnAs(a)
					}
				}
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
