package verifier

import (
	"cairn/consensus"
	"cairn/consensus/record"
	"cairn/mailstore"
)

// Forwarders tells who sends mail on to an account in its own word; what was
// merely learned is not among them. It is asked within transactions and reads
// the store that they are of.
type Forwarders func(rd *mailstore.Reader, account mailstore.AccountID) ([]record.Forwarder, error)

// handed says how a message came to an account that knows all who sent it on.
type handed struct {
	by       []record.Forwarder // the latest first
	original record.Hop         // what the author sent to the first of them
}

// handedOn finds out whether the records of an arrival, given from the top as
// record.Tokens returns them, lead from the original to account by way of
// forwarders that it knows, each of which recorded what it sent on. s is the
// chain's state; ask says who is trusted for a domain, within a transaction by
// pins alone.
//
// Whether the original has come to the account before, whether its recorder
// speaks for the author, and what the forwarders changed are not its to say.
func (v *Verifier) handedOn(rd *mailstore.Reader, s *consensus.State, ask asker, tokens []*record.Token, account mailstore.AccountID) (h handed, ok bool, err error) {
	if len(tokens) < 2 || v.policy.Forwarders == nil || tokens[0].ChainID != s.ChainID() {
		return h, false, nil
	}
	known, err := v.policy.Forwarders(rd, account)
	if err != nil || len(known) == 0 {
		return h, false, err
	}
	hops, err := record.Custody(tokens)
	if err != nil {
		return h, false, nil // a fault of whoever sent it on, none of ours
	}
	speaks := func(recorder consensus.Key, domain string) bool {
		org, enrolled := s.OrgByRecorder(recorder)
		if !enrolled || !claims(org, []string{domain}) {
			return false
		}
		_, trusted := ask(domain, org.Key)
		return trusted
	}
	h.by, ok = record.KnownForwarders(hops, known, speaks)
	h.original = hops[len(hops)-1]
	return h, ok, nil
}
