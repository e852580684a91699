package verifier

import (
	"context"
	"fmt"
	"slices"

	"cairn/mailstore"
)

// Retrust looks again at all stored mail from domain after the trust in it
// has changed.
func (v *Verifier) Retrust(ctx context.Context, domain string) error {
	// Deliveries that began under the old trust are in the store after this.
	if err := v.store.Update(ctx, func(*mailstore.Tx) error { return nil }); err != nil {
		return err
	}
	for from := []byte(nil); ; {
		found := make(map[Ref]*Finding)
		var keys [][]byte
		err := v.store.View(func(rd *mailstore.Reader) (err error) {
			if keys, err = scanKeys(rd.Space(space), []byte("message/"), from, reviseStep); err != nil {
				return err
			}
			for _, key := range keys {
				f, err := Of(rd, refOf(key))
				if err != nil {
					return err
				}
				if slices.Contains(f.Domains, domain) {
					found[refOf(key)] = f
				}
			}
			return nil
		})
		if err != nil || len(keys) == 0 {
			return err
		}
		if err := v.retrust(ctx, found); err != nil {
			return fmt.Errorf("look again at mail from %s: %w", domain, err)
		}
		from = append(keys[len(keys)-1], 0)
	}
}

// retrust asks for the trust in those who recorded found and revises.
func (v *Verifier) retrust(ctx context.Context, found map[Ref]*Finding) error {
	state := v.chain.State()
	words := make(map[Ref]word)
	for ref, f := range found {
		if org, ok := state.Org(f.Org); ok {
			words[ref] = v.wordOf(ctx, f, org)
		}
	}
	if err := ctx.Err(); err != nil || len(words) == 0 {
		return err
	}
	return v.store.Update(ctx, func(tx *mailstore.Tx) error {
		for ref, w := range words {
			err := v.change(tx, ref, func(f *Finding) error {
				if org, ok := state.Org(f.Org); ok {
					f.recordedBy(org, w, v.policy)
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
