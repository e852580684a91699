package consensus

import (
	"bytes"
	"crypto/ed25519"
	"slices"
)

// MaxAttestations is how many members may attest to one event.
const MaxAttestations = 32

const attestationSize = 32 + 64

// Attestation is a member's word for an event, after it has looked itself whether the domains are
// the organisation's. It is no part of the event's ID.
type Attestation struct {
	Recorder  Key       // of a node of the member
	Signature Signature // by it over "cairn/2 attestation" || chain id || event ID
}

// Attest returns the attestation to e by that recorder key.
func Attest(e *OrgEvent, recorder ed25519.PrivateKey) Attestation {
	return Attestation{PublicKey(recorder), sign(recorder, attestationBytes(e))}
}

func attestationBytes(e *OrgEvent) []byte {
	id := e.ID()
	return signingBytes(purposeAttestation, e.ChainID, id[:])
}

func appendAttestations(b []byte, list []Attestation) []byte {
	b = append(b, byte(len(list)))
	for i := range list {
		b = append(append(b, list[i].Recorder[:]...), list[i].Signature[:]...)
	}
	return b
}

func (r *reader) attestations() []Attestation {
	var list []Attestation
	for range r.count8(MaxAttestations) {
		list = append(list, Attestation{r.key(), r.sig()})
	}
	return list
}

// checkAttestations checks the form: ascending keys, and none where none is needed.
func checkAttestations(p *Params, e *OrgEvent) error {
	if len(e.Attestations) > 0 && (p.Admission != AdmissionAttested || e.Type() != EventEnrol && e.Type() != EventUpdate) {
		return broken(RuleAttestation, "%d attestations to an event that needs none", len(e.Attestations))
	}
	for i := range e.Attestations[:max(0, len(e.Attestations)-1)] {
		if bytes.Compare(e.Attestations[i].Recorder[:], e.Attestations[i+1].Recorder[:]) >= 0 {
			return broken(RuleAttestation, "attestations are not in the ascending order of their keys")
		}
	}
	return nil
}

func queueAttestations(sigs *signatures, e *OrgEvent) {
	for _, a := range e.Attestations {
		sigs.add(a.Recorder, attestationBytes(e), a.Signature, broken(RuleAttestation, "the attestation of %v is not signed by it", a.Recorder))
	}
}

// checkAttested checks that enough members have attested to an event of the organisation with that
// ID.
func (t *memberEdit) checkAttested(e *OrgEvent, id Hash) error {
	if t.params.Admission != AdmissionAttested {
		return nil
	}
	given, need := len(t.counting(id, e.Attestations)), t.attestersNeeded(t.params, id)
	if given < need {
		return broken(RuleUnattested, "%d members attest, %d have to", given, need)
	}
	return nil
}

// AttestersNeeded is how many members have to attest to an event of that organisation in the next
// block: as many as the network demands, or all others that there are.
func (s *State) AttestersNeeded(org Hash) int { return s.members.attestersNeeded(s.Params(), org) }

// CountingAttestations are those of e that count in the next block, in the order of keys: one of
// each other member. The rest do no harm: who attested may have taken another key since.
func (s *State) CountingAttestations(e *OrgEvent) []Attestation {
	return s.members.counting(e.Org(), e.Attestations)
}

func (m *members) attestersNeeded(p *Params, org Hash) int {
	own, _ := m.orgs.Get(org)
	others := m.living - living(own)
	return min(int(p.Attesters), others, MaxAttestations)
}

func (m *members) counting(org Hash, list []Attestation) (kept []Attestation) {
	by := map[Hash]bool{org: true}
	for _, a := range list {
		o, _, ok := m.active(a.Recorder)
		if !ok || by[o.ID] || len(kept) == MaxAttestations {
			continue
		}
		by[o.ID] = true
		kept = append(kept, a)
	}
	slices.SortFunc(kept, func(a, b Attestation) int { return bytes.Compare(a.Recorder[:], b.Recorder[:]) })
	return kept
}
