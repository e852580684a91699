package verifier

import (
	"slices"
	"testing"
	"time"

	"cairn/consensus"
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

// Mail that its sender gave to a mail server, since no node answered, is judged like any that comes
// straight, once: when its own node brings it again, which did not hear of that, there is no second
// copy. Anybody else who brings it again replays it.
func TestCameOutside(t *testing.T) {
	for _, c := range []struct {
		name    string
		after   time.Duration
		change  func([]byte) []byte
		courier int // -1: nobody known
		stored  bool
	}{
		{"its own node", 5 * day, nil, 0, false},
		{"its own node, long after", record.MaxAge + time.Millisecond, nil, 0, true},
		{"its own node, changed", day, footer, 0, true},
		{"another organisation's node", day, nil, 2, true},
		{"nobody known", day, nil, -1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, setting{orgs: 3, pins: []int{0}})
			raw := w.seal(0, letter(jo, "", text), ann)
			w.expect(w.deliver(append([]byte("DKIM-Signature: v=1; d=org1.example\r\n"), raw...), nil, ann)[0].Ref, "from outside", record.Pending, "inbox")
			w.now = w.now.Add(c.after)
			if c.change != nil {
				raw = c.change(raw)
			}
			var courier *consensus.Key
			if c.courier >= 0 {
				courier = w.courier(c.courier)
			}
			d := w.deliver(raw, courier, ann)[0]
			if d.stored != c.stored {
				t.Fatalf("stored: %v", d.stored)
			}
			if d.stored {
				if f := w.finding(d.Ref); f.Verdict != record.Replayed && f.Verdict != record.Differs {
					t.Errorf("verdict %s", f.Verdict)
				}
			}
		})
	}
}
