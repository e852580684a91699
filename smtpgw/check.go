package smtpgw

import (
	"cairn/mailstore"
	"cairn/mailstore/forwards"
	"cairn/smtpgw/lists"
	"cairn/smtpgw/returnpath"
	"cairn/smtpgw/suppressed"
)

// MapChecks are what a check of the store is to know of the maps of this package: the history, the
// members of lists and how many they are follow from the rest; what else a mail was filed by does
// not, and is less than the mail.
func MapChecks() []mailstore.MapCheck {
	return []mailstore.MapCheck{
		{Space: historySpace, MendOf: mendHistory},
		suppressed.MapCheck(),
		returnpath.MapCheck(),
		forwards.MapCheck(),
		lists.MapCheck(),
		{Space: filingSpace, MendOf: mendFiling, DoneOf: func([]byte) string {
			return "what that mail was filed by, beside its record, is noted as not known: it stays where it is until its verdict changes"
		}},
	}
}

// mendHistory returns what makes the damaged value of a key of the history anew.
func mendHistory(key []byte) func(tx *mailstore.Tx) error {
	if string(key) == string(historyCursor) { // from the beginning: what it notes again is there
		return mailstore.IfThere(historySpace, key, func(sp mailstore.Space) error { return sp.PutNumber(key, 0) })
	}
	return mailstore.PutAgain(historySpace, key)
}

// mendFiling returns what notes no evidence in the place of what is damaged.
func mendFiling(key []byte) func(tx *mailstore.Tx) error {
	return mailstore.IfThere(filingSpace, key, func(sp mailstore.Space) error { return sp.Put(key, []byte("[]")) })
}
