package verifier

import (
	"slices"
	"testing"

	"cairn/consensus/record"
	"cairn/mailstore"
)

// What became of a record is told to nodes of the organisation that made it, whatever the mail came
// by; that it is not here only where nothing with that record is.
func TestHad(t *testing.T) {
	const unknown, has, not = record.HadUnknown, record.HadIt, record.HadNot
	for _, c := range []struct {
		name   string
		before func(w *world, raw []byte)
		asker  int
		want   record.Had
	}{
		{"nothing came", func(*world, []byte) {}, 0, not},
		{"nothing came, and another organisation asks", func(*world, []byte) {}, 2, unknown},
		{"its own node brought it", func(w *world, raw []byte) { w.deliver(raw, w.courier(0), ann) }, 0, has},
		{"another organisation asks", func(w *world, raw []byte) { w.deliver(raw, w.courier(0), ann) }, 2, unknown},
		{"it came from outside", func(w *world, raw []byte) { w.deliver(raw, nil, ann) }, 0, has},
		{"changed on its way", func(w *world, raw []byte) { w.deliver(footer(raw), nil, ann) }, 0, unknown},
		{"removed since", func(w *world, raw []byte) { w.remove(w.deliver(raw, w.courier(0), ann)[0].Ref) }, 0, has},
		{"from outside, and removed since", func(w *world, raw []byte) { w.remove(w.deliver(raw, nil, ann)[0].Ref) }, 0, unknown},
		{"other mail of the batch", func(w *world, _ []byte) {
			w.deliver(w.seal(0, letter(jo, "", "other"), ann), w.courier(0), ann)
		}, 0, not},
		{"its acceptance is damaged", func(w *world, raw []byte) {
			w.deliver(raw, w.courier(0), ann)
			w.must(w.store.Update(t.Context(), func(tx *mailstore.Tx) error {
				return tx.Space(space).PutJSON(w.keys(prefixAccepted)[0], acceptance{})
			}))
		}, 0, unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, setting{orgs: 3, pins: []int{0}})
			d := w.draft(letter(jo, "", text), ann)
			token := w.token(0, d)
			c.before(w, append(token.Header(), letter(jo, "", text)...))
			got, err := w.v.Had(*w.courier(c.asker), token.DeliveryOf([]string{"Ann@org2.EXAMPLE", ann}))
			if err != nil || !slices.Equal(got, []record.Had{c.want, c.want}) {
				t.Errorf("%v, %v, want %v", got, err, c.want)
			}
		})
	}
}
