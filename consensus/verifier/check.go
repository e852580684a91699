package verifier

import (
	"bytes"
	"slices"

	"cairn/mailstore"
)

// MapCheck is what a check of the store is to know of this map: all but findings, acceptances and
// the number of its format follows from these and from the chain. Of the first two it notes that
// they are lost; what a finding said is found out anew when the node runs, see lost.go.
func MapCheck() mailstore.MapCheck {
	return mailstore.MapCheck{Space: space, MendOf: mendOf, CureOf: cureOf, DoneOf: doneOf}
}

// withoutValue begin the keys that say all in their names.
var withoutValue = []string{prefixBatch, prefixDomain, prefixVia, prefixOrg, prefixWatch, prefixAsk, prefixGone, prefixAge}

// mendOf returns what makes the damaged value of a key anew; nil where nothing does.
func mendOf(key []byte) func(tx *mailstore.Tx) error {
	has := func(prefix string) bool { return bytes.HasPrefix(key, []byte(prefix)) }
	switch {
	case slices.ContainsFunc(withoutValue, has):
		return mailstore.PutAgain(space, key)
	case has(prefixDue):
		return ifThere(key, func(sp mailstore.Space) error { return putDue(sp, key[len(prefixDue):], longAgo) })
	case string(key) == keyJournal:
		return ifThere(key, func(sp mailstore.Space) error { return sp.PutJSON(key, mailstore.ModSeq(0)) })
	case has(prefixAccepted): // by nobody known, as it counts while it is damaged
		return ifThere(key, func(sp mailstore.Space) error { return sp.PutJSON(key, acceptance{}) })
	case isFinding(key):
		return mendFinding(key)
	}
	return nil
}

func isFinding(key []byte) bool {
	return bytes.HasPrefix(key, []byte(prefixMessage)) && len(key) == len(prefixMessage)+mailstore.RefSize
}

// doneOf says what a mend comes to that does not bring back what was there.
func doneOf(key []byte) string {
	switch {
	case isFinding(key):
		return lostDone
	case bytes.HasPrefix(key, []byte(prefixAccepted)):
		return "by whom that record was first brought is noted as not known: a second copy of its mail counts as replayed"
	}
	return ""
}

// ifThere runs fn unless the key is gone meanwhile.
func ifThere(key []byte, fn func(sp mailstore.Space) error) func(tx *mailstore.Tx) error {
	return func(tx *mailstore.Tx) error {
		sp := tx.Space(space)
		if there, err := sp.Has(key); err != nil || !there {
			return err
		}
		return fn(sp)
	}
}

// cureOf is for what needs the chain: where batches stand, and how far that was followed.
func cureOf(key []byte) string {
	if bytes.HasPrefix(key, []byte(prefixPlace)) || string(key) == keyCursor {
		return "the node reads it from the chain anew when it runs"
	}
	return ""
}
