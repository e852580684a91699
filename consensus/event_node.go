package consensus

import "crypto/ed25519"

// AddNode is the content of an EventAddNode. The keys prove that they agree to belong to the org
// key that signs the event.
type AddNode struct{ NodeKeys }

// Type returns EventAddNode.
func (*AddNode) Type() EventType { return EventAddNode }

// Append appends the encoding of n to b: that of its NodeKeys.
func (n *AddNode) Append(b []byte, _ uint16) []byte { return n.NodeKeys.Append(b) }

func (*AddNode) size(uint16) int { return nodeKeysSize }

func (r *reader) addNode() *AddNode { return &AddNode{r.nodeKeys()} }

func (n *AddNode) keys() []ownKey {
	return []ownKey{{recorderKey, n.Recorder}, {nodeKey, n.Node}}
}

func (*AddNode) claims() []string                        { return nil }
func (*AddNode) check(*Params, ChainID, *OrgEvent) error { return nil }

func (n *AddNode) queue(sigs *signatures, e *OrgEvent) {
	queueSigner(sigs, e)
	n.NodeKeys.queue(sigs, e.ChainID, e.Signer)
}

func (n *AddNode) apply(t *memberEdit, e *OrgEvent) error {
	o, err := t.subject(e)
	if err != nil {
		return err
	}
	if o.ActiveNodes() >= MaxNodes {
		return broken(RuleNodeCount, "the organisation has %d nodes already", MaxNodes)
	}
	if err := o.checkRoom(); err != nil {
		return err
	}
	if err := t.checkFree(n.keys()); err != nil {
		return err
	}
	o.Nodes = append(o.Nodes, OrgNode{NodeKeys: NodeKeys{Node: n.Node, Recorder: n.Recorder}, Since: t.height})
	t.follow(o, e)
	return nil
}

// DropNode is the content of an EventDropNode.
type DropNode struct{ Node Key }

// Type returns EventDropNode.
func (*DropNode) Type() EventType { return EventDropNode }

// Append appends the encoding of n to b: the node key.
func (n *DropNode) Append(b []byte, _ uint16) []byte { return append(b, n.Node[:]...) }

func (*DropNode) size(uint16) int { return 32 }

func (r *reader) dropNode() *DropNode { return &DropNode{r.key()} }

func (*DropNode) keys() []ownKey                          { return nil }
func (*DropNode) claims() []string                        { return nil }
func (*DropNode) check(*Params, ChainID, *OrgEvent) error { return nil }
func (*DropNode) queue(sigs *signatures, e *OrgEvent)     { queueSigner(sigs, e) }

func (n *DropNode) apply(t *memberEdit, e *OrgEvent) error {
	o, err := t.subject(e)
	if err != nil {
		return err
	}
	i := o.node(n.Node)
	switch {
	case i < 0:
		return broken(RuleUnknownNode, "%v is no node of organisation %v", n.Node, o.ID)
	case o.ActiveNodes() == 1:
		return broken(RuleNodeCount, "%v is the only node of organisation %v", n.Node, o.ID)
	}
	o.Nodes[i].End, o.Nodes[i].Until = NodeDropped, t.height
	t.follow(o, e)
	return nil
}

// Replace is the content of an EventReplace: a node takes another recorder key, without its
// organisation, which may have its key far away. The node key signs the event.
type Replace struct {
	Recorder   Key
	Possession Signature // by it over "cairn/2 possession" || chain id || organisation || previous event || node key
}

// NewReplace makes the content for the event of e, whose other fields must be final but for the
// stamp.
func NewReplace(e *OrgEvent, recorder ed25519.PrivateKey) *Replace {
	return &Replace{PublicKey(recorder), sign(recorder, boundBytes(purposeReplace, e, e.Signer))}
}

// Type returns EventReplace.
func (*Replace) Type() EventType { return EventReplace }

// Append appends the encoding of r to b: recorder key and proof.
func (r *Replace) Append(b []byte, _ uint16) []byte {
	return append(append(b, r.Recorder[:]...), r.Possession[:]...)
}

func (*Replace) size(uint16) int { return 32 + 64 }

func (r *reader) replace() *Replace { return &Replace{r.key(), r.sig()} }

func (r *Replace) keys() []ownKey                        { return []ownKey{{recorderKey, r.Recorder}} }
func (*Replace) claims() []string                        { return nil }
func (*Replace) check(*Params, ChainID, *OrgEvent) error { return nil }

func (r *Replace) queue(sigs *signatures, e *OrgEvent) {
	queueSigner(sigs, e)
	sigs.add(r.Recorder, boundBytes(purposeReplace, e, e.Signer), r.Possession,
		broken(RulePossession, "recorder key %v does not prove that it belongs to %v", r.Recorder, e.Signer))
}

func (r *Replace) apply(t *memberEdit, e *OrgEvent) error {
	o, err := t.next(e)
	if err != nil {
		return err
	}
	i := o.node(e.Signer)
	switch {
	case i < 0:
		return broken(RuleEventSigner, "%v is no node of organisation %v", e.Signer, o.ID)
	case t.height < o.Nodes[i].Since+EpochGap:
		return broken(RuleUnknownNode, "%v has its recorder key for less than %d blocks", e.Signer, EpochGap)
	}
	if err := o.checkRoom(); err != nil {
		return err
	}
	if err := t.checkFree(r.keys()); err != nil {
		return err
	}
	before := o.Nodes[i]
	before.End, before.Until = NodeDropped, t.height
	o.Nodes[i].Recorder, o.Nodes[i].Since = r.Recorder, t.height
	o.Nodes = append(o.Nodes, before)
	t.follow(o, e)
	return nil
}
