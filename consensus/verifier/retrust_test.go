package verifier

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/dgraph-io/badger/v4"

	"cairn/consensus"
	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/mailstore/testenv"
)

// indexed fails the test unless the keys of the index of trust are those of the findings; of what
// was found about a mail and is damaged nobody knows which these are.
func (w *world) indexed() {
	w.Helper()
	var want [][]byte
	damaged := make(map[mailstore.Ref]bool)
	for _, key := range w.keys(prefixMessage) {
		f, err := w.find(mailstore.RefOf(key))
		if errors.Is(err, mailstore.ErrDamaged) {
			damaged[mailstore.RefOf(key)] = true
			continue
		}
		w.must(err)
		if !f.Record.IsZero() || f.Asked {
			want = append(want, f.domainKeys(mailstore.RefOf(key))...)
			want = append(want, f.trustKeys(mailstore.RefOf(key))...)
		}
	}
	slices.SortFunc(want, bytes.Compare)
	got := slices.Concat(w.keys(prefixDomain), w.keys(prefixOrg), w.keys(prefixVia))
	got = slices.DeleteFunc(got, func(key []byte) bool { return damaged[mailstore.RefOf(key)] })
	if !slices.EqualFunc(got, want, bytes.Equal) {
		w.Errorf("keys of the index of trust:\n%q\nwant\n%q", got, want)
	}
}

func (w *world) find(r mailstore.Ref) (f *Finding, err error) {
	err = w.store.View(func(rd *mailstore.Reader) (err error) {
		f, err = Of(rd, r)
		return err
	})
	return f, err
}

// judgedAnew is what f comes to by the trust of now.
func (w *world) judgedAnew(f Finding) Finding {
	state := w.chain.State()
	if org, ok := f.recordingOrg(state); ok {
		f.recordedBy(org, w.v.wordOf(context.Background(), state, &f, org), w.v.cfg())
		if f.Onward != nil {
			f.sentOnAs(w.v.askOnward(context.Background(), state, &f, ""))
		}
	}
	f.judge()
	return f
}

// TestRetrustIsWhole: whatever was pinned, pinned to another key or taken back, and however many of
// these before mail was looked at again, each finding is what it would be if all mail had been.
func TestRetrustIsWhole(t *testing.T) {
	const orgs, list = 4, "devs@org2.example"
	known := func(*mailstore.Reader, mailstore.AccountID) ([]record.Forwarder, error) {
		return []record.Forwarder{{Domain: "org2.example", Posting: list, List: true}}, nil
	}
	w := newWorld(t, setting{orgs: orgs, cfg: Config{Forwarders: known}})
	domains := []string{"elsewhere.example"}
	like := map[mailstore.Ref]func(body string) []byte{} // of what is in no block
	for i := range orgs {
		domains = append(domains, w.net.Orgs[i].Domain)
		from := "jo@" + w.net.Orgs[i].Domain
		posted := func(list, body string) []byte {
			return w.seal(i, replace(letter(from, "", body), "To: "+ann, "To: "+list), list)
		}
		w.pin(1)
		for _, mail := range []func(body string) []byte{
			func(body string) []byte { return w.seal(i, letter(from, "", body), ann) },
			func(body string) []byte { return w.seal(i, letter("x@elsewhere.example", "", body), ann) },
			func(body string) []byte {
				return w.seal(1, append([]byte("List-Id: <devs.org2.example>\r\n"), posted(list, body)...), ann)
			},
			func(body string) []byte { return w.byTheList(posted(theList, body)) }, // which nobody has named
		} {
			if ref := w.arrive(mail(text)); i%2 != 0 {
				like[ref] = mail
			}
		}
		if i%2 == 0 {
			w.include(i)
		}
	}
	steps, seed := 100, testenv.Number(t, "CAIRN_RETRUST_SEED", rand.IntN(1<<30))
	if testenv.CI() {
		steps = 300
	}
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(uint64(seed), 0))
	for range steps {
		switch pins := w.trust.Pins(); r.IntN(8) {
		case 0, 1:
			p := Pin{Domain: domains[r.IntN(len(domains))], Key: consensus.PublicKey(w.net.Orgs[r.IntN(orgs)].Key), Source: SourceTrust}
			w.must(w.trust.Pin(t.Context(), p, true))
		case 2, 3:
			if len(pins) > 0 {
				_, err := w.trust.Unpin(t.Context(), pins[r.IntN(len(pins))].Domain, w.now)
				w.must(err)
			}
		case 4:
			var err error
			w.trust, err = OpenTrust(w.store, nil)
			w.must(err)
			w.restart()
		default:
			w.v.unsettled.Store(true)
			w.must(w.v.retrustUnsettled(t.Context()))
			for _, key := range w.keys(prefixMessage) {
				f := w.finding(mailstore.RefOf(key))
				if want := w.judgedAnew(*f); !reflect.DeepEqual(*f, want) {
					t.Fatalf("mail %d is %+v, looked at alone %+v", mailstore.RefOf(key).Message, *f, want)
				}
			}
			w.indexed()
		}
	}
	w.v.unsettled.Store(true)
	w.must(w.v.retrustUnsettled(t.Context()))
	for ref, mail := range like {
		w.asIfNow(ref, mail(fmt.Sprintf("%s again %v", text, ref)), "in the end")
	}
}

// TestRetrustBesideDamage: what was found about one mail is damaged; what is brought up and looked
// at again is the other mail.
func TestRetrustBesideDamage(t *testing.T) {
	w := newWorld(t, setting{pins: []int{0}})
	hurt := w.arrive(w.seal(0, letter(jo, "", text), ann))
	sound := w.arrive(w.seal(0, letter(jo, "", text+"more"), ann))
	was := w.finding(hurt)
	w.spoilt(t, messageKey(hurt))
	if _, err := w.find(hurt); !errors.Is(err, mailstore.ErrDamaged) {
		t.Fatalf("the finding was to be damaged: %v", err)
	}
	w.must(noteFormat(t.Context(), w.store, 1))
	w.must(w.v.Begin(t.Context()))
	w.unpin("org1.example")
	w.must(w.v.Retrust(t.Context(), "org1.example"))
	if f := w.finding(sound); f.Facts.OrgPinned || f.Facts.OrgTrusted {
		t.Errorf("the sound one was not looked at: %+v", f.Facts)
	}
	w.must(w.store.Update(t.Context(), func(tx *mailstore.Tx) error { return tx.Space(space).PutJSON(messageKey(hurt), was) }))
}

// spoil changes an octet of the value of a key of the verifier's in a closed store.
func spoil(t *testing.T, dir string, key []byte) {
	t.Helper()
	db, err := badger.Open(badger.DefaultOptions(dir).WithLoggingLevel(badger.ERROR))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.Update(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.DefaultIteratorOptions)
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			if bytes.HasSuffix(it.Item().Key(), key) {
				v, err := it.Item().ValueCopy(nil)
				if err != nil {
					return err
				}
				v[len(v)/2] ^= 4
				return txn.Set(it.Item().KeyCopy(nil), v)
			}
		}
		return badger.ErrKeyNotFound
	})
	if err != nil {
		t.Fatal(err)
	}
}

// BenchmarkRetrust takes the pin of a domain that one mail is from back and gives it again, among
// mail from elsewhere.
func BenchmarkRetrust(b *testing.B) {
	w := newWorld(b, setting{orgs: 3, pins: []int{0, 2}})
	w.storeMany(w.seal(0, letter(jo, "", text4K), ann), 5000)
	w.arrive(w.seal(2, letter("al@org3.example", "", text4K), ann))
	for b.Loop() {
		_, err := w.trust.Unpin(b.Context(), "org3.example", w.now)
		w.must(err)
		w.must(w.v.Retrust(b.Context(), "org3.example"))
		w.pin(2)
		w.must(w.v.Retrust(b.Context(), "org3.example"))
	}
}
