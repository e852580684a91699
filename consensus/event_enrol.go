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
}

// Type returns EventEnrol.
func (*Enrol) Type() EventType { return EventEnrol }

// Append appends the encoding of e to b.
func (e *Enrol) Append(b []byte) []byte {
	b = appendText(b, e.Name)
	b = append(b, byte(len(e.Domains)))
	for _, d := range e.Domains {
		b = appendText(b, d)
	}
	b = append(b, e.OrgKey[:]...)
	b = append(b, byte(len(e.Nodes)))
	for i := range e.Nodes {
		b = e.Nodes[i].Append(b)
	}
	return append(b, byte(e.Records), e.ThresholdFloor)
}

func (e *Enrol) size() int {
	size := 1 + len(e.Name) + 1 + 32 + 1 + len(e.Nodes)*nodeKeysSize + 2
	for _, d := range e.Domains {
		size += 1 + len(d)
	}
	return size
}

func (r *reader) enrol() *Enrol {
	e := &Enrol{Name: r.text()}
	if n := r.count8(MaxDomains); n > 0 {
		e.Domains = make([]string, n)
		for i := range e.Domains {
			e.Domains[i] = r.text()
		}
	}
	e.OrgKey = r.key()
	if n := r.count8(MaxNodes); n > 0 {
		e.Nodes = make([]NodeKeys, n)
		for i := range e.Nodes {
			e.Nodes[i] = r.nodeKeys()
		}
	}
	e.Records = RecordsPolicy(r.uint8())
	e.ThresholdFloor = r.uint8()
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
	switch {
	case e.Name == "" || len(e.Name) > MaxOrgName || !printable(e.Name):
		return broken(RuleName, "organisation name %q: 1 to %d bytes of UTF-8 without control characters expected", e.Name, MaxOrgName)
	case e.Records > RecordsAll:
		return broken(RuleRecords, "records policy %d, at most %d is defined", e.Records, RecordsAll)
	case e.ThresholdFloor > MaxThreshold:
		return broken(RuleThreshold, "threshold floor of %d per cent", e.ThresholdFloor)
	case len(e.Nodes) == 0 || len(e.Nodes) > MaxNodes:
		return broken(RuleNodes, "%d nodes, 1 to %d expected", len(e.Nodes), MaxNodes)
	}
	if err := checkDomains(e.Domains); err != nil {
		return err
	}
	if got := IdentityStampBits(chain, e.OrgKey, ev.Stamp); got < int(p.IdentityStamp) {
		return broken(RuleIdentityStamp, "identity stamp of %d bits, the network demands %d", got, p.IdentityStamp)
	}
	return checkDistinct(e.keys())
}

func (e *Enrol) queue(sigs *signatures, ev *OrgEvent) {
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
	t.put(&Org{
		ID: ev.ID(), Name: e.Name, Domains: e.Domains, Key: e.OrgKey, Nodes: e.Nodes,
		Records: e.Records, ThresholdFloor: e.ThresholdFloor, Height: t.height,
	})
	return nil
}
