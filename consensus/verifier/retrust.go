package verifier

import (
	"context"
	"fmt"
	"slices"

	"cairn/mailstore"
)

// Retrust looks again at all stored mail from domain after the trust in it
// has changed, and at mail whose recording organisation was pinned or was
// pinned no longer by that.
func (v *Verifier) Retrust(ctx context.Context, domain string) error {
	// Deliveries that began under the old trust are in the store after this.
	if err := v.store.Update(ctx, func(*mailstore.Tx) error { return nil }); err != nil {
		return err
	}
	for from := []byte(nil); ; {
		keys, err := v.retrust(ctx, domain, from)
		if err != nil {
			return fmt.Errorf("look again at mail from %s: %w", domain, err)
		}
		if len(keys) == 0 {
			return nil
		}
		from = append(keys[len(keys)-1], 0)
	}
}

// retrust looks at the next messages, not below from, and returns their keys.
func (v *Verifier) retrust(ctx context.Context, domain string, from []byte) (keys [][]byte, err error) {
	// Else what is found out here could overwrite what a later block says.
	v.following.Lock()
	defer v.following.Unlock()
	state := v.chain.State()
	found := make(map[Ref]*Finding)
	err = v.store.View(func(rd *mailstore.Reader) (err error) {
		if keys, err = scanKeys(rd.Space(space), []byte("message/"), from, reviseStep); err != nil {
			return err
		}
		for _, key := range keys {
			f, err := Of(rd, refOf(key))
			if err != nil {
				return err
			}
			org, ok := state.Org(f.Org)
			if ok && (slices.Contains(f.Domains, domain) || v.trust.hasPinned(org.Key) != f.Facts.OrgPinned) {
				found[refOf(key)] = f
			}
		}
		return nil
	})
	if err != nil || len(found) == 0 {
		return keys, err
	}
	words := make(map[Ref]word, len(found))
	for ref, f := range found {
		org, _ := state.Org(f.Org)
		words[ref] = v.wordOf(ctx, state, f, org)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return keys, v.store.Update(ctx, func(tx *mailstore.Tx) error {
		for ref, w := range words {
			err := v.change(tx, ref, func(f *Finding) error {
				if org, ok := state.Org(f.Org); ok {
					f.recordedBy(org, w, v.cfg)
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}
