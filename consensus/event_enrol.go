package consensus

// Limits of what an organisation says of itself.
const (
	MaxOrgName    = 128 // bytes of UTF-8
	MaxDomains    = 16
	MaxDomainName = 253 // RFC 1035, section 2.3.4, without the final dot
	MaxNodes      = 8
	MaxThreshold  = 100 // per cent
)

// Enrol is the content of an EventEnrol.
type Enrol struct {
	Name string // 1 to MaxOrgName bytes of UTF-8, for people
	// Domains are 1 to MaxDomains mail domains as lower-case A-labels, in
	// ascending order. They are claims: several members may claim the same
	// one, and whom to believe is local policy (a pin, or DNS).
	Domains        []string
	OrgKey         Key
	Nodes          []NodeKeys // 1 to MaxNodes
	Records        RecordsPolicy
	ThresholdFloor uint8 // least share of same parts, in per cent, that recipients should demand; 0: none
	Recovery       Hash  `json:",omitzero"` // version 2: RecoveryCommitment of the recovery key; zero: there is none
}

// Type returns EventEnrol.
func (*Enrol) Type() EventType { return EventEnrol }

// Append appends the encoding of e to b.
func (e *Enrol) Append(b []byte, version uint16) []byte {
	b = appendDomains(appendText(b, e.Name), e.Domains)
	b = append(b, e.OrgKey[:]...)
	b = append(b, byte(len(e.Nodes)))
	for i := range e.Nodes {
		b = e.Nodes[i].Append(b)
	}
	b = append(b, byte(e.Records), e.ThresholdFloor)
	if version >= ParamsV2 {
		b = append(b, e.Recovery[:]...)
	}
	return b
}

func (e *Enrol) size(version uint16) int {
	size := 1 + len(e.Name) + domainsSize(e.Domains) + 32 + 1 + len(e.Nodes)*nodeKeysSize + 2
	if version >= ParamsV2 {
		size += 32
	}
	return size
}

func (r *reader) enrol(version uint16) *Enrol {
	e := &Enrol{Name: r.text(), Domains: r.domains(), OrgKey: r.key()}
	if n := r.count8(MaxNodes); n > 0 {
		e.Nodes = make([]NodeKeys, n)
		for i := range e.Nodes {
			e.Nodes[i] = r.nodeKeys()
		}
	}
	e.Records = RecordsPolicy(r.uint8())
	e.ThresholdFloor = r.uint8()
	if version >= ParamsV2 {
		e.Recovery = r.hash()
	}
	return e
}

func (e *Enrol) keys() []ownKey {
	keys := make([]ownKey, 0, 1+2*len(e.Nodes))
	keys = append(keys, ownKey{orgKey, e.OrgKey})
	for _, n := range e.Nodes {
		keys = append(keys, ownKey{recorderKey, n.Recorder}, ownKey{nodeKey, n.Node})
	}
	return keys
}

func (e *Enrol) claims() []string { return e.Domains }

func (e *Enrol) check(p *Params, chain ChainID, ev *OrgEvent) error {
	if err := checkProfile(e.Name, e.Domains, e.Records, e.ThresholdFloor); err != nil {
		return err
	}
	if len(e.Nodes) == 0 || len(e.Nodes) > MaxNodes {
		return broken(RuleNodes, "%d nodes, 1 to %d expected", len(e.Nodes), MaxNodes)
	}
	if got := IdentityStampBits(chain, e.OrgKey, ev.Stamp); got < int(p.IdentityStamp) {
		return broken(RuleIdentityStamp, "identity stamp of %d bits, the network demands %d", got, p.IdentityStamp)
	}
	return checkDistinct(e.keys())
}

// checkProfile checks what an organisation says of itself.
func checkProfile(name string, domains []string, records RecordsPolicy, floor uint8) error {
	switch {
	case name == "" || len(name) > MaxOrgName || !printable(name):
		return broken(RuleName, "organisation name %q: 1 to %d bytes of UTF-8 without control characters expected", name, MaxOrgName)
	case records > RecordsAll:
		return broken(RuleRecords, "records policy %d, at most %d is defined", records, RecordsAll)
	case floor > MaxThreshold:
		return broken(RuleThreshold, "threshold floor of %d per cent", floor)
	}
	return checkDomains(domains)
}

func (e *Enrol) queue(sigs *signatures, ev *OrgEvent) {
	queueAttestations(sigs, ev)
	sigs.add(e.OrgKey, ev.SigningBytes(), ev.Signature,
		broken(RuleEventSignature, "the event of organisation key %v is not signed by it", e.OrgKey))
	for i := range e.Nodes {
		e.Nodes[i].queue(sigs, ev.ChainID, e.OrgKey)
	}
}

func (e *Enrol) apply(t *memberEdit, ev *OrgEvent) error {
	if err := t.checkFree(e.keys()); err != nil {
		return err
	}
	o := &Org{
		ID: ev.ID(), Name: e.Name, Domains: e.Domains, Key: e.OrgKey,
		Records: e.Records, ThresholdFloor: e.ThresholdFloor, Height: t.height,
	}
	for _, n := range e.Nodes {
		o.Nodes = append(o.Nodes, OrgNode{NodeKeys: n, Since: t.height})
	}
	if t.params.Version >= ParamsV2 {
		o.Version, o.Recovery, o.LastEvent, o.Changed = t.params.Version, e.Recovery, o.ID, t.height
		for i := range o.Nodes { // their proofs are no part of the entry
			o.Nodes[i].NodeKeys = NodeKeys{Node: o.Nodes[i].Node, Recorder: o.Nodes[i].Recorder}
		}
		if err := t.checkAttested(ev, o.ID); err != nil && t.height > 0 {
			return err
		}
	}
	t.put(o)
	return nil
}
