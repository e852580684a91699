package index

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/dgraph-io/badger/v4"

	"cairn/mailstore"
)

// Place is where a message stands in answers: newest first, and of one second the messages of an
// account together, the later one first. It stays the same for as long as the message is there, so
// a page that begins behind it repeats and skips nothing while mail comes and goes.
type Place struct {
	At int64 // seconds since 1970: the Date of the message, or when it came in if that is earlier
	mailstore.Ref
}

// String returns text that [ParsePlace] makes the same place from.
func (p Place) String() string { return fmt.Sprintf("%d.%d.%d", p.At, p.Account, p.Message) }

// ParsePlace reads a place.
func ParsePlace(text string) (p Place, err error) {
	parts := strings.Split(text, ".")
	if len(parts) == 3 {
		at, errAt := strconv.ParseInt(parts[0], 10, 64)
		account, errAccount := strconv.ParseUint(parts[1], 10, 32)
		message, errMessage := strconv.ParseUint(parts[2], 10, 64)
		p = Place{at, mailstore.Ref{Account: mailstore.AccountID(account), Message: mailstore.MessageID(message)}}
		if cmp.Or(errAt, errAccount, errMessage) == nil && p.String() == text {
			return p, nil
		}
	}
	return Place{}, fmt.Errorf("%q is no place in an answer", text)
}

// compare orders places as answers have them.
func (p Place) compare(q Place) int {
	return cmp.Or(cmp.Compare(q.At, p.At), cmp.Compare(p.Account, q.Account), cmp.Compare(q.Message, p.Message))
}

// placeOf is where a document stands. What its Date says of the future is not believed.
func placeOf(a mailstore.AccountID, id mailstore.MessageID, d *document) Place {
	return Place{min(d.date.Unix(), d.received.Unix()), mailstore.Ref{Account: a, Message: id}}
}

// key is that of a place in the table of them, which is in the order of an account's answers.
func (p Place) key() []byte {
	key := binary.BigEndian.AppendUint64(accountKey(tableOrder, p.Account), ^(uint64(p.At) ^ 1<<63))
	return binary.BigEndian.AppendUint64(key, ^uint64(p.Message))
}

func placeOfKey(a mailstore.AccountID, key []byte) Place {
	key = key[len(key)-16:]
	id := mailstore.MessageID(^binary.BigEndian.Uint64(key[8:]))
	return Place{int64(^binary.BigEndian.Uint64(key) ^ 1<<63), mailstore.Ref{Account: a, Message: id}}
}

// fewHits are sorted sooner than found in the table of all places. It is a variable for tests.
var fewHits = 512

// newest returns the places of the first of an account's hits, whose numbers are in order: those
// behind after, if that is given, and no more than most, if that is over 0.
func (e *evaluator) newest(hits []uint64, after *Place, most int) ([]Place, error) {
	if len(hits) > fewHits {
		places, ok, err := e.walkPlaces(hits, after, most)
		if ok || err != nil {
			return places, err
		}
	}
	places := make([]Place, 0, len(hits))
	for _, id := range hits {
		b, err := e.get(documentKey(tableDocument, e.account, mailstore.MessageID(id)))
		if err != nil {
			return nil, err
		}
		d, err := decodeDocument(b)
		if err != nil {
			return nil, err
		}
		if p := placeOf(e.account, mailstore.MessageID(id), &d); after == nil || after.compare(p) < 0 {
			places = append(places, p)
		}
	}
	slices.SortFunc(places, Place.compare)
	return cut(places, most), nil
}

func cut(places []Place, most int) []Place {
	if most > 0 && len(places) > most {
		return places[:most]
	}
	return places
}

// walkPlaces is newest by walking the table of all places. It gives up where sorting the hits would
// take less, and where one has no place yet: the rest of its message is just being taken in.
func (e *evaluator) walkPlaces(hits []uint64, after *Place, most int) (places []Place, ok bool, err error) {
	const dearer = 4 // finding the place of a hit, than looking at a place
	it := e.txn.NewIterator(badger.IteratorOptions{Prefix: accountKey(tableOrder, e.account)})
	defer it.Close()
	from := accountKey(tableOrder, e.account)
	if after != nil {
		from = Place{after.At, mailstore.Ref{Account: e.account, Message: after.Message}}.key()
		if after.Account > e.account { // all of this second stands before it
			from = Place{after.At, mailstore.Ref{Account: e.account}}.key()
		} else if after.Account < e.account {
			from = Place{after.At, mailstore.Ref{Account: e.account, Message: ^mailstore.MessageID(0)}}.key()
		}
	}
	looked := 0
	for it.Seek(from); it.Valid(); it.Next() {
		if err := e.step(); err != nil {
			return nil, false, err
		}
		p := placeOfKey(e.account, it.Item().Key())
		if after != nil && after.compare(p) >= 0 {
			continue
		}
		if _, found := slices.BinarySearch(hits, uint64(p.Message)); found {
			if places = append(places, p); len(places) == most {
				return places, true, nil
			}
		}
		if looked++; most > 0 && looked > dearer*len(hits) {
			return nil, false, nil
		}
	}
	return places, after != nil || len(places) == len(hits), nil
}
