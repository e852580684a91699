package consensus

import (
	"crypto/ed25519"
	"slices"
)

// RecoveryCommitment is what an organisation enrols of its recovery key, which stays offline and
// unknown until it is used: SHA-256d("cairn/2 recovery" || key).
func RecoveryCommitment(key Key) Hash { return doubleHash(append([]byte(purposeRecovery), key[:]...)) }

// Rotate is the content of an EventRotate: the organisation's key signs that another takes its
// place, and that one that it agrees. It counts after Params.RotationDelay blocks, in which a
// thief's can be revoked; with the recovery key's signature at once.
type Rotate struct {
	Key           Key
	Proof         Signature // by it over "cairn/2 rotation" || chain id || organisation || previous event || it
	Recovery      Key       // zero: none signs
	RecoveryProof Signature // by it over "cairn/2 recovery" and the same
}

// NewRotate makes the content for the event of e, whose Subject and Prev must be final. recovery
// may be nil.
func NewRotate(e *OrgEvent, key, recovery ed25519.PrivateKey) *Rotate {
	r := &Rotate{Key: PublicKey(key)}
	r.Proof = sign(key, boundBytes(purposeRotation, e, r.Key))
	if recovery != nil {
		r.Recovery, r.RecoveryProof = PublicKey(recovery), sign(recovery, boundBytes(purposeRecovery, e, r.Key))
	}
	return r
}

// Type returns EventRotate.
func (*Rotate) Type() EventType { return EventRotate }

// Append appends the encoding of r to b: its fields in their order.
func (r *Rotate) Append(b []byte, _ uint16) []byte {
	b = append(append(b, r.Key[:]...), r.Proof[:]...)
	return append(append(b, r.Recovery[:]...), r.RecoveryProof[:]...)
}

func (*Rotate) size(uint16) int { return 2 * (32 + 64) }

func (r *reader) rotate() *Rotate { return &Rotate{r.key(), r.sig(), r.key(), r.sig()} }

func (r *Rotate) keys() []ownKey { return []ownKey{{orgKey, r.Key}} }
func (*Rotate) claims() []string { return nil }

func (r *Rotate) check(*Params, ChainID, *OrgEvent) error {
	if r.Recovery.IsZero() && r.RecoveryProof != (Signature{}) {
		return broken(RuleRecovery, "a signature of no recovery key")
	}
	return nil
}

func (r *Rotate) queue(sigs *signatures, e *OrgEvent) {
	queueSigner(sigs, e)
	queueSuccessor(sigs, e, r.Key, r.Proof)
	if !r.Recovery.IsZero() {
		sigs.add(r.Recovery, boundBytes(purposeRecovery, e, r.Key), r.RecoveryProof,
			broken(RuleRecovery, "recovery key %v does not sign that %v follows", r.Recovery, r.Key))
	}
}

func (r *Rotate) apply(t *memberEdit, e *OrgEvent) error {
	o, err := t.subject(e)
	if err != nil {
		return err
	}
	if err := t.checkFree(r.keys()); err != nil {
		return err
	}
	o.Pending = Rotation{r.Key, t.height + t.params.RotationDelay()}
	if !r.Recovery.IsZero() {
		if RecoveryCommitment(r.Recovery) != o.Recovery {
			return broken(RuleEventSigner, "%v is not the recovery key of organisation %v", r.Recovery, o.ID)
		}
		o.Key, o.Pending = r.Key, Rotation{}
	}
	t.follow(o, e)
	return nil
}

// Revoke is the content of an EventRevoke, which the recovery key signs: whatever the
// organisation's key has signed lately, another takes its place at once. Nodes may be ended with
// it. It alone changes the recovery key.
type Revoke struct {
	Key      Key
	Proof    Signature // by it over "cairn/2 rotation" || chain id || organisation || 32 zeros || it
	Recovery Hash      // RecoveryCommitment of the next recovery key
	Nodes    []Key     // node keys, ascending, at most MaxNodes
}

// NewRevoke makes the content for the event of e, whose Subject must be final.
func NewRevoke(e *OrgEvent, key ed25519.PrivateKey, recovery Hash, nodes ...Key) *Revoke {
	r := &Revoke{Key: PublicKey(key), Recovery: recovery, Nodes: nodes}
	r.Proof = sign(key, boundBytes(purposeRotation, e, r.Key))
	return r
}

// Type returns EventRevoke.
func (*Revoke) Type() EventType { return EventRevoke }

// Append appends the encoding of r to b: its fields in their order, a number u8 before the nodes.
func (r *Revoke) Append(b []byte, _ uint16) []byte {
	b = append(append(b, r.Key[:]...), r.Proof[:]...)
	b = append(append(b, r.Recovery[:]...), byte(len(r.Nodes)))
	for _, n := range r.Nodes {
		b = append(b, n[:]...)
	}
	return b
}

func (r *Revoke) size(uint16) int { return 32 + 64 + 32 + 1 + 32*len(r.Nodes) }

func (r *reader) revoke() *Revoke {
	v := &Revoke{Key: r.key(), Proof: r.sig(), Recovery: r.hash()}
	for range r.count8(MaxNodes) {
		v.Nodes = append(v.Nodes, r.key())
	}
	return v
}

func (r *Revoke) keys() []ownKey { return []ownKey{{orgKey, r.Key}} }
func (*Revoke) claims() []string { return nil }

func (r *Revoke) check(_ *Params, _ ChainID, e *OrgEvent) error {
	switch {
	case r.Recovery.IsZero() || r.Recovery == RecoveryCommitment(e.Signer):
		return broken(RuleRecovery, "a revocation that names no other recovery key")
	case len(r.Nodes) > MaxNodes || !slices.IsSortedFunc(r.Nodes, compareKeys) || len(slices.Compact(slices.Clone(r.Nodes))) < len(r.Nodes):
		return broken(RuleNodes, "%d nodes: at most %d in ascending order expected", len(r.Nodes), MaxNodes)
	}
	return nil
}

func (r *Revoke) queue(sigs *signatures, e *OrgEvent) {
	queueSigner(sigs, e)
	queueSuccessor(sigs, e, r.Key, r.Proof)
}

func (r *Revoke) apply(t *memberEdit, e *OrgEvent) error {
	o, err := t.next(e)
	if err != nil {
		return err
	}
	if o.Recovery != RecoveryCommitment(e.Signer) {
		return broken(RuleEventSigner, "%v is not the recovery key of organisation %v", e.Signer, o.ID)
	}
	if err := t.checkFree(r.keys()); err != nil {
		return err
	}
	for _, node := range r.Nodes { // ended or not: who had the keys may have dropped it, or its recorder key
		if by, ok := t.owners.Get(ownKey{nodeKey, node}); !ok || by.org != o.ID {
			return broken(RuleUnknownNode, "%v is no node of organisation %v, nor was", node, o.ID)
		}
		for i := range o.Nodes {
			if n := &o.Nodes[i]; n.Node == node && (n.End == NodeActive || n.End == NodeDropped) {
				n.End, n.Until = NodeRevoked, t.height
			}
		}
	}
	o.Key, o.Pending, o.Recovery = r.Key, Rotation{}, r.Recovery
	t.follow(o, e)
	return nil
}

// boundBytes are what a key signs that agrees to an event: purpose, chain, organisation, previous
// event and the key that it is about.
func boundBytes(purpose string, e *OrgEvent, key Key) []byte {
	return signingBytes(purpose, e.ChainID, slices.Concat(e.Subject[:], e.Prev[:], key[:]))
}

func queueSuccessor(sigs *signatures, e *OrgEvent, key Key, proof Signature) {
	sigs.add(key, boundBytes(purposeRotation, e, key), proof,
		broken(RulePossession, "organisation key %v does not sign that it follows", key))
}

// queueSigner queues the signature of an event of version 2.
func queueSigner(sigs *signatures, e *OrgEvent) {
	sigs.add(e.Signer, e.SigningBytes(), e.Signature, broken(RuleEventSignature, "the event is not signed by %v", e.Signer))
}
