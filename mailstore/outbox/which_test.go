package outbox

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"cairn/mailstore"
)

// What fits all of a domain, a sender and an account is found, and nothing else.
func TestWhich(t *testing.T) {
	st := openStore(t)
	q := New(st)
	submit := func(from string, account mailstore.AccountID, to ...string) {
		t.Helper()
		must(q.Submit(t.Context(), Envelope{From: from, Account: account, Recipients: to}, []byte(mailText)))(t)
	}
	submit("user@local.example", 2, "a@one.example", "b@two.example")
	submit("User@local.example", 2, "a@two.example")
	submit("", 2, "a@one.example")
	submit("other@local.example", 1, "a@one.example")
	sealAll(t, st, q)
	for _, tt := range []struct {
		which Which
		want  []uint64
	}{
		{Which{ID: 3}, []uint64{3}},
		{Which{All: true}, []uint64{1, 2, 3, 4, 5}},
		{Which{Domain: "one.example"}, []uint64{1, 4, 5}},
		{Which{From: "user@LOCAL.example"}, []uint64{1, 2, 3}},
		{Which{From: NullSender}, []uint64{4}},
		{Which{Account: 2}, []uint64{1, 2, 3, 4}},
		{Which{Account: 2, Domain: "one.example"}, []uint64{1, 4}},
		{Which{Account: 2, Domain: "one.example", From: NullSender}, []uint64{4}},
		{Which{Account: 1, From: NullSender}, nil},
		{Which{Domain: "three.example", Account: 2}, nil},
	} {
		var got []uint64
		if err := q.Each(tt.which, func(id uint64) error { got = append(got, id); return nil }); err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%+v: %v, %v", tt.which, got, err)
		}
		if tt.which.ID != 0 {
			continue
		}
		list, total, err := q.Find(tt.which, 2)
		if err != nil || total != len(tt.want) || !slices.Equal(ids(list), tt.want[:min(len(tt.want), 2)]) {
			t.Errorf("%+v: found %v of %d, %v", tt.which, ids(list), total, err)
		}
	}
	if err := q.Each(Which{}, func(uint64) error { return nil }); err == nil {
		t.Error("nothing is named, and that is no error")
	}
	if err := q.Each(Which{ID: 9}, func(uint64) error { return nil }); !errors.Is(err, ErrGone) {
		t.Errorf("one that is not there: %v", err)
	}
}

// More than one transaction takes are gone over while they go.
func TestEachOfMany(t *testing.T) {
	st := openStore(t)
	q := New(st)
	for i := range 3 {
		var to []string
		for j := range step {
			to = append(to, fmt.Sprintf("a@d%d.example", i*step+j))
		}
		must(q.Submit(t.Context(), Envelope{From: "user@local.example", Account: 2, Recipients: to}, []byte(mailText)))(t)
	}
	must(q.Submit(t.Context(), Envelope{From: "other@local.example", Account: 2, Recipients: []string{"a@one.example"}}, []byte(mailText)))(t)
	w := Which{From: "user@local.example"}
	if n, err := q.HoldByHand(t.Context(), w); n != 3*step || err != nil {
		t.Errorf("%d held, %v", n, err)
	}
	if err := q.Each(w, func(id uint64) error { return q.Drop(t.Context(), id) }); err != nil {
		t.Fatal(err)
	}
	if n := must(q.Len())(t); n != 1 {
		t.Errorf("%d left", n)
	}
}

// What is queued meanwhile is not among what is named: of entries that are dropped reports are
// queued, which would be dropped with them.
func TestEachLeavesWhatComesMeanwhile(t *testing.T) {
	for _, w := range []Which{{All: true}, {Account: 2}, {Domain: "one.example"}} {
		st := openStore(t)
		q := New(st)
		submit := func() {
			must(q.Submit(t.Context(), Envelope{From: "user@local.example", Account: 2, Recipients: []string{"a@one.example"}}, []byte(mailText)))(t)
		}
		submit()
		submit()
		n := 0
		err := q.Each(w, func(id uint64) error {
			if n++; n <= 4 { // else there is no end
				submit()
			}
			return q.Drop(t.Context(), id)
		})
		if err != nil || n != 2 {
			t.Errorf("%+v: %d, and not the two that were queued: %v", w, n, err)
		}
	}
}
