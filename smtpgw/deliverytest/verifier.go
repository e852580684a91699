// Package deliverytest has what tests share that deliver mail, whatever part of the gateway they
// are of: who judges it, and the world outside that is asked.
package deliverytest

import (
	"context"
	"strings"
	"sync"

	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/smtpgw/arrival"
	"cairn/smtpgw/screen"
)

// Verifier stands in for the verifier: it admits everything once per
// (From field, recipient) and remembers in a space of the store, as the real
// one does.
type Verifier struct {
	Fail  error          // that Check returns
	Found screen.Finding // zero: pending

	mu       sync.Mutex
	arrivals []arrival.Arrival
}

func (v *Verifier) Check(_ context.Context, a *arrival.Arrival) (arrival.Assessment, error) {
	if v.Fail != nil {
		return nil, v.Fail
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.arrivals = append(v.arrivals, *a)
	found := v.Found
	if found.Verdict == "" {
		found.Verdict = record.Pending
	}
	return assessment{raw: string(a.Raw), found: found}, nil
}

// Finds sets what it finds from now on, while it may be asked.
func (v *Verifier) Finds(f screen.Finding) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.Found = f
}

// Seen are the arrivals that it was asked about.
func (v *Verifier) Seen() []arrival.Arrival {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.arrivals
}

type assessment struct {
	raw   string
	found screen.Finding
}

func (a assessment) Found() screen.Finding { return a.found }

func (a assessment) key(rcpt string) []byte {
	// The record is named by the token, when there is one.
	token, _, _ := strings.Cut(a.raw, "\r\n")
	return []byte(rcpt + "\x00" + token)
}

func (a assessment) Admit(tx *mailstore.Tx, _ mailstore.AccountID, rcpt string) (screen.Finding, bool, error) {
	sp := tx.Space("accepted")
	if strings.HasPrefix(a.raw, "Cairn-Record:") {
		if known, err := sp.Has(a.key(rcpt)); err != nil || known {
			return screen.Finding{}, known, err
		}
		if err := sp.Put(a.key(rcpt), []byte{1}); err != nil {
			return screen.Finding{}, false, err
		}
	}
	return a.found, false, nil
}

func (a assessment) Stored(tx *mailstore.Tx, rcpt string, m mailstore.Message) error {
	_, err := tx.Message(m.Account, m.ID)
	return err
}
