package verifier

import (
	"context"
	"errors"

	"cairn/mailstore"
)

// Retrust looks again at all stored mail from domain after the trust in it
// has changed.
func (v *Verifier) Retrust(ctx context.Context, domain string) error {
	state := v.chain.State()
	from := []byte("message/")
	for {
		var refs []Ref
		var last []byte
		err := v.store.View(func(rd *mailstore.Reader) error {
			keys, err := scanKeys(rd.Space(space), []byte("message/"), from, followStep)
			for _, key := range keys {
				last = key
				f, err := Of(rd, refOf(key))
				if err != nil {
					return err
				}
				if f.Domain == domain {
					refs = append(refs, refOf(key))
				}
			}
			return err
		})
		if err != nil || last == nil {
			return err
		}
		err = v.store.Update(ctx, func(tx *mailstore.Tx) error {
			for _, ref := range refs {
				err := v.revise(tx, ref, func(f *Finding) {
					if org, ok := state.Org(f.Org); ok {
						how, trusted := v.trust.pinned(domain, org.Key)
						f.recordedBy(org, how, trusted)
					}
				})
				if err != nil && !errors.Is(err, mailstore.ErrNotFound) {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		from = append(last, 0)
	}
}
