package forwarders

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"cairn/mailstore"
)

// space is the durable map in the mail store. Accounts are u32, big endian.
//
//	n<account><address>   Forwarder as JSON
const space = "forwarders"

// version is that of the stored form.
const version = 1

func key(account mailstore.AccountID, address string) []byte {
	return append(binary.BigEndian.AppendUint32([]byte("n"), uint32(account)), address...)
}

func put(sp mailstore.Space, account mailstore.AccountID, f Forwarder) error {
	b, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return sp.Put(key(account, f.Address), b)
}

func list(sp mailstore.SpaceReader, account mailstore.AccountID) (entries []Forwarder, err error) {
	var bad error
	err = sp.Scan(key(account, ""), nil, func(_, value []byte) bool {
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
