package consensus

import "slices"

// Update is the content of an EventUpdate: all that an organisation says of itself, as a whole.
type Update struct {
	Name           string
	Domains        []string
	Records        RecordsPolicy
	ThresholdFloor uint8
}

// Type returns EventUpdate.
func (*Update) Type() EventType { return EventUpdate }

// Append appends the encoding of u to b: name text, number of domains u8, domains text, records u8,
// threshold floor u8.
func (u *Update) Append(b []byte, _ uint16) []byte {
	b = appendDomains(appendText(b, u.Name), u.Domains)
	return append(b, byte(u.Records), u.ThresholdFloor)
}

func (u *Update) size(uint16) int { return 1 + len(u.Name) + domainsSize(u.Domains) + 2 }

func (r *reader) update() *Update {
	return &Update{Name: r.text(), Domains: r.domains(), Records: RecordsPolicy(r.uint8()), ThresholdFloor: r.uint8()}
}

func (*Update) keys() []ownKey     { return nil }
func (u *Update) claims() []string { return u.Domains }

func (u *Update) check(*Params, ChainID, *OrgEvent) error {
	return checkProfile(u.Name, u.Domains, u.Records, u.ThresholdFloor)
}

func (*Update) queue(sigs *signatures, e *OrgEvent) {
	queueSigner(sigs, e)
	queueAttestations(sigs, e)
}

func (u *Update) apply(t *memberEdit, e *OrgEvent) error {
	o, err := t.subject(e)
	if err != nil {
		return err
	}
	claimsMore := slices.ContainsFunc(u.Domains, func(d string) bool { return !slices.Contains(o.Domains, d) })
	if claimsMore || u.Name != o.Name {
		if err := t.checkAttested(e, o.ID); err != nil {
			return err
		}
	}
	o.Name, o.Domains, o.Records, o.ThresholdFloor = u.Name, u.Domains, u.Records, u.ThresholdFloor
	t.follow(o, e)
	return nil
}
