package forwarders

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"cairn/mailstore"
)

// space is the durable map in the mail store. Accounts are u32, big endian.
//
//	n<account><address>              Forwarder as JSON, named by the account
//	l<account><address>              the same, learned
//	t<account><since u64><address>   empty: what was learned, by age
//	c<account>                       u32, how many were learned
const space = "forwarders"

// version is that of the stored form.
const version = 1

func prefix(table byte, account mailstore.AccountID) []byte {
	return binary.BigEndian.AppendUint32([]byte{table}, uint32(account))
}

func key(from Source, account mailstore.AccountID, address string) []byte {
	table := byte('l')
	if from == Named {
		table = 'n'
	}
	return append(prefix(table, account), address...)
}

func ageKey(account mailstore.AccountID, since time.Time, address string) []byte {
	return append(binary.BigEndian.AppendUint64(prefix('t', account), uint64(since.Unix())), address...)
}

func countKey(account mailstore.AccountID) []byte { return prefix('c', account) }

// learned returns how many entries of an account were learned.
func learned(sp mailstore.SpaceReader, account mailstore.AccountID) (uint32, error) {
	b, err := sp.Get(countKey(account))
	if errors.Is(err, mailstore.ErrNotFound) {
		return 0, nil
	}
	if err == nil && len(b) != 4 {
		err = errors.New("stored number of forwarders is damaged")
	}
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint32(b), nil
}

func put(sp mailstore.Space, account mailstore.AccountID, f Forwarder) error {
	b, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return sp.Put(key(f.AddedBy, account, f.Address), b)
}

func get(sp mailstore.SpaceReader, account mailstore.AccountID, address string) (f Forwarder, known bool, err error) {
	for _, from := range []Source{Named, Learned} {
		b, err := sp.Get(key(from, account, address))
		if errors.Is(err, mailstore.ErrNotFound) {
			continue
		}
		if err == nil {
			f, err = decode(b)
		}
		return f, err == nil, err
	}
	return f, false, nil
}

// list returns the entries of one source.
func list(sp mailstore.SpaceReader, account mailstore.AccountID, from Source) (entries []Forwarder, err error) {
	var bad error
	err = sp.Scan(key(from, account, ""), nil, func(_, value []byte) bool {
		var f Forwarder
		if f, bad = decode(value); bad == nil {
			entries = append(entries, f)
		}
		return bad == nil
	})
	return entries, errors.Join(err, bad)
}

func decode(b []byte) (f Forwarder, err error) {
	if err := json.Unmarshal(b, &f); err != nil {
		return f, fmt.Errorf("stored forwarder: %w", err)
	}
	if f.Version != version {
		return f, fmt.Errorf("stored forwarder %s: version %d is not known here; use the cairn that wrote it", f.Address, f.Version)
	}
	return f, nil
}
