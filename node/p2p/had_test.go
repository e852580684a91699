package p2p

import (
	"errors"
	"slices"
	"testing"

	"cairn/consensus"
	"cairn/consensus/record"
)

func seedHad() *hadRequest {
	return &hadRequest{record.Delivery{
		Recorder: consensus.Key{1}, Epoch: 2, Seq: 3, Record: consensus.Hash{4}, Recipients: []string{"ana@org1.example", "b@org1.example"},
	}}
}

func FuzzHadRequest(f *testing.F) { roundTrip(f, decodeHadRequest, seedHad().encode()) }

func FuzzHad(f *testing.F) {
	f.Add([]byte{0, 1, 2}, 3)
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		all, err := decodeHad(b, n)
		if err != nil && !errors.Is(err, errMalformed) {
			t.Fatalf("error %v is not errMalformed", err)
		}
		if err == nil && (len(all) != n || slices.ContainsFunc(all, func(h record.Had) bool { return h > record.HadNot })) {
			t.Fatalf("%d answers %v", n, all)
		}
	})
}

// What became of a record is told to enrolled nodes; that it is not here only while nothing can be
// under way.
func TestHad(t *testing.T) {
	net := twoNodes(t, 3)
	var asker consensus.Key
	a := start(t, net, 0, setup{had: func(node consensus.Key, d record.Delivery) ([]record.Had, error) {
		if asker = node; d.Seq == 99 {
			return nil, errors.New("no store")
		}
		return []record.Had{record.HadIt, record.HadNot}, nil
	}})
	b := start(t, net, 1, setup{bootstrap: a.Addrs()})
	guest := start(t, net, 2, setup{bootstrap: a.Addrs()})
	eventually(t, "all are connected", func() bool { return len(a.Peers()) == 2 })

	ask := func(want ...record.Had) {
		t.Helper()
		all, err := b.Had(t.Context(), a.self, seedHad().Delivery)
		if err != nil || !slices.Equal(all, want) {
			t.Errorf("%v, %v, want %v", all, err, want)
		}
	}
	ask(record.HadIt, record.HadNot)
	if asker != b.self {
		t.Errorf("asked by %v, want %v", asker, b.self)
	}
	if all, err := guest.Had(t.Context(), a.self, seedHad().Delivery); err == nil {
		t.Errorf("a node that is not enrolled is told: %v", all)
	}
	if all, err := a.Had(t.Context(), b.self, seedHad().Delivery); err == nil {
		t.Errorf("a node that tells nobody says %v", all)
	}
	fault, none := seedHad().Delivery, seedHad().Delivery
	fault.Seq, none.Recipients = 99, nil
	for _, d := range []record.Delivery{fault, none} {
		if all, err := b.Had(t.Context(), a.self, d); err == nil {
			t.Errorf("%+v is answered: %v", d, all)
		}
	}

	l, err := a.ListenSMTP()
	if err != nil {
		t.Fatal(err)
	}
	client, server := pair(t, l, b, a.self)
	ask(record.HadIt, record.HadUnknown)
	_ = client.Close()
	_ = server.Close()
	ask(record.HadIt, record.HadNot)
}
