package consensus

import (
	"strings"
)

// CheckEvent checks what an event shows by itself: form, identity stamp, and
// the signatures of the organisation and of all keys it enrols.
func CheckEvent(p *Params, chain ChainID, e *OrgEvent) error {
	if err := checkEventForm(p, chain, e); err != nil {
		return err
	}
	sigs := newSignatures(1 + 2*len(e.Enrol.Nodes))
	queueEventSignatures(sigs, chain, e)
	return sigs.first()
}

// ValidateEvent checks an event against a state: CheckEvent, and that none of
// its keys is enrolled already.
func ValidateEvent(s *State, e *OrgEvent) error {
	if err := newKeySet(s.members).add(e.Enrol.OrgKey, e.Enrol.Nodes); err != nil {
		return err
	}
	return CheckEvent(s.Params(), s.ChainID(), e)
}

// ValidateEvents checks events in the order in which a block would hold them:
// each against s and the valid ones before it. The result has one entry per
// event, nil for a valid one.
func ValidateEvents(s *State, events []OrgEvent) []error {
	errs := make([]error, len(events))
	keys := newKeySet(s.members)
	for i := range events {
		e := &events[i]
		if errs[i] = CheckEvent(s.Params(), s.ChainID(), e); errs[i] == nil {
			errs[i] = keys.add(e.Enrol.OrgKey, e.Enrol.Nodes)
		}
	}
	return errs
}

// checkEventForm is CheckEvent without the signatures.
func checkEventForm(p *Params, chain ChainID, e *OrgEvent) error {
	switch {
	case e.Version != EventVersion:
		return broken(RuleVersion, "event of version %d, this program knows %d", e.Version, EventVersion)
	case e.Type != EventEnrol:
		return broken(RuleEventType, "event of type %d, this program knows %d (enrol)", e.Type, EventEnrol)
	case e.ChainID != chain:
		return broken(RuleChain, "event of chain %v, this is %v", e.ChainID, chain)
	}
	n := &e.Enrol
	switch {
	case n.Name == "" || len(n.Name) > MaxOrgName || !printable(n.Name):
		return broken(RuleName, "organisation name %q: 1 to %d bytes of UTF-8 without control characters expected", n.Name, MaxOrgName)
	case n.Records > RecordsAll:
		return broken(RuleRecords, "records policy %d, at most %d is defined", n.Records, RecordsAll)
	case n.ThresholdFloor > MaxThreshold:
		return broken(RuleThreshold, "threshold floor of %d per cent", n.ThresholdFloor)
	case len(n.Nodes) == 0 || len(n.Nodes) > MaxNodes:
		return broken(RuleNodes, "%d nodes, 1 to %d expected", len(n.Nodes), MaxNodes)
	}
	if err := checkDomains(n.Domains); err != nil {
		return err
	}
	if got := IdentityStampBits(chain, n.OrgKey, e.Stamp); got < int(p.IdentityStamp) {
		return broken(RuleIdentityStamp, "identity stamp of %d bits, the network demands %d", got, p.IdentityStamp)
	}
	return newKeySet(nil).add(n.OrgKey, n.Nodes)
}

func checkDomains(domains []string) error {
	if len(domains) == 0 || len(domains) > MaxDomains {
		return broken(RuleDomains, "%d domains, 1 to %d expected", len(domains), MaxDomains)
	}
	for i, d := range domains {
		if !ValidDomain(d) {
			return broken(RuleDomains, "domain %q: a host name in lower case (A-labels) expected", d)
		}
		if i > 0 && domains[i-1] >= d {
			return broken(RuleDomains, "domain %q after %q: ascending order without repetition expected", d, domains[i-1])
		}
	}
	return nil
}

// ValidDomain reports whether an enrol event may claim d: a host name of
// RFC 1123, section 2.1, in lower case and without a final dot, whose last
// label is not a number. Internationalised names come as A-labels (RFC 5890);
// whether an A-label decodes is no consensus rule.
func ValidDomain(d string) bool {
	if d == "" || len(d) > MaxDomainName {
		return false
	}
	letter := false // in the current label, at the end in the last
	for label := range strings.SplitSeq(d, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		letter = false
		for _, c := range []byte(label) {
			switch {
			case c >= 'a' && c <= 'z' || c == '-':
				letter = true
			case c < '0' || c > '9':
				return false
			}
		}
	}
	return letter
}

// queueEventSignatures queues the organisation's signature and, for every
// node, the proofs of possession.
func queueEventSignatures(sigs *signatures, chain ChainID, e *OrgEvent) {
	org := e.Enrol.OrgKey
	sigs.add(org, e.SigningBytes(), e.Signature,
		broken(RuleEventSignature, "the event of organisation key %v is not signed by it", org))
	for _, n := range e.Enrol.Nodes {
		sigs.add(n.Recorder, signingBytes(purposePossession, chain, org[:]), n.Possession,
			broken(RulePossession, "recorder key %v does not prove that it belongs to %v", n.Recorder, org))
		sigs.add(n.Node, signingBytes(purposeNodePossession, chain, org[:]), n.NodePossession,
			broken(RulePossession, "node key %v does not prove that it belongs to %v", n.Node, org))
	}
}

// keySet tells whether keys are taken. Organisation, recorder and node keys
// are three separate kinds: a key may appear once in each.
type keySet struct {
	base  *members // may be nil
	taken map[takenKey]bool
}

type takenKey struct {
	kind string
	key  Key
}

func newKeySet(base *members) *keySet {
	return &keySet{base: base, taken: make(map[takenKey]bool)}
}

// add takes an organisation's keys, all or, if one is taken already, none.
func (k *keySet) add(org Key, nodes []NodeKeys) error {
	added := make([]takenKey, 0, 1+2*len(nodes))
	take := func(kind string, key Key) error {
		t := takenKey{kind, key}
		if k.enrolled(t) || k.taken[t] {
			for _, a := range added {
				delete(k.taken, a)
			}
			return broken(RuleDuplicateKey, "%s key %v is enrolled already", kind, key)
		}
		k.taken[t] = true
		added = append(added, t)
		return nil
	}
	if err := take("organisation", org); err != nil {
		return err
	}
	for _, n := range nodes {
		if err := take("recorder", n.Recorder); err != nil {
			return err
		}
		if err := take("node", n.Node); err != nil {
			return err
		}
	}
	return nil
}

func (k *keySet) enrolled(t takenKey) bool {
	if k.base == nil {
		return false
	}
	var ok bool
	switch t.kind {
	case "organisation":
		_, ok = k.base.byKey[t.key]
	case "recorder":
		_, ok = k.base.byRecorder[t.key]
	case "node":
		_, ok = k.base.byNode[t.key]
	}
	return ok
}
