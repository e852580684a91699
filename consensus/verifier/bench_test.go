package verifier

import (
	"bytes"
	"context"
	"testing"

	"cairn/consensus"
	"cairn/mailstore"
)

var text4K = string(bytes.Repeat([]byte("Sixty-four octets of a text that says nothing of any interest.\r\n"), 60))

// Arrivals of 4 KB with a token, checked.
func BenchmarkCheck(b *testing.B) {
	w := newWorld(b, setting{pins: []int{0}})
	a := Arrival{Raw: w.seal(0, letter(jo, "", text4K), ann), Recipients: []string{ann}, Courier: w.courier(0)}
	w.include(0)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.v.Check(context.Background(), a); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "mails/s")
}

// Stored mail revised by blocks.
func BenchmarkRevise(b *testing.B) {
	w := newWorld(b, setting{pins: []int{0}})
	const mails = 1000
	token := w.storeMany(w.seal(0, letter(jo, "", text4K), ann), mails)
	series := token.series()
	for b.Loop() {
		w.must(w.store.Update(context.Background(), func(tx *mailstore.Tx) error {
			p := placement{micros: []consensus.MicroRoot{token.Root}}
			sp := tx.Space(space)
			change := func(key []byte) error { return sp.Put(key, p.encode()) }
			if has, _ := sp.Has(placeKey(series, token.Seq)); has {
				change = sp.Delete
			}
			if err := change(placeKey(series, token.Seq)); err != nil {
				return err
			}
			return putDue(sp, batchPrefix(series, token.Seq), 0)
		}))
		w.must(w.v.settle(context.Background()))
	}
	b.ReportMetric(float64(mails*b.N)/b.Elapsed().Seconds(), "mails/s")
}

// storeMany puts so many copies of raw into ann's mail, with what was found about it as it arrived.
func (w *world) storeMany(raw []byte, mails int) *Finding {
	w.Helper()
	as, err := w.v.Check(context.Background(), Arrival{Raw: raw, Recipients: []string{ann}})
	w.must(err)
	for range mails {
		w.must(w.store.Update(context.Background(), func(tx *mailstore.Tx) error {
			f := *as.found
			m := mailstore.Message{Account: 1, Received: w.now}
			if m.Blob, err = tx.PutBlob(raw); err != nil {
				return err
			}
			if m.ID, err = tx.AddMessage(m, w.filing.decide(&f).Labels); err != nil {
				return err
			}
			return w.v.link(tx, m.Ref(), &f, false)
		}))
	}
	return as.found
}
