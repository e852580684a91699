package smtpgw

import (
	"fmt"
	"slices"

	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/mailstore/forwarders"
	"cairn/smtpgw/screen"
)

// SentOnBy gives the evidence of lists and old addresses that an account has named, about mail
// without a record: that one of them sent it on, by the signature of its domain.
type SentOnBy struct{}

// About implements arrival.AccountSource.
func (SentOnBy) About(rd *mailstore.Reader, account mailstore.AccountID, f screen.Finding, gathered screen.Evidence) (results []screen.Result, err error) {
	signed := func(domain string) bool {
		return slices.ContainsFunc(gathered, func(r screen.Result) bool {
			return r.Method == "dkim" && r.Result == screen.Pass && r.About == domain
		})
	}
	if f.Verdict != record.Unrecorded || !slices.ContainsFunc(gathered, func(r screen.Result) bool { return r.Method == "dkim" && r.Result == screen.Pass }) {
		return nil, nil
	}
	named, err := forwarders.All(rd, account)
	if err != nil {
		return nil, fmt.Errorf("read which forwarders an account has named: %w", err)
	}
	for _, by := range named {
		known := slices.ContainsFunc(results, func(r screen.Result) bool { return r.About == by.Domain })
		if known || !signed(by.Domain) {
			continue
		}
		results = append(results, screen.Result{
			Method: screen.MethodForwarder, Result: screen.Pass, About: by.Domain, Property: "policy.domain",
			Reason: by.Address + ", which you have named, sent it on",
		})
	}
	return results, nil
}
