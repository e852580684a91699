package consensus

import "crypto/ed25519"

// NodeKeys are the keys of one node of an organisation. Both keys prove that
// they agree to belong to it, so nobody can enrol a key of someone else.
type NodeKeys struct {
	Node           Key       // libp2p identity
	Recorder       Key       // signs batches and block headers
	Possession     Signature // by Recorder over "cairn/1 possession" || chain id || org key
	NodePossession Signature // by Node over "cairn/1 node possession" || chain id || org key
}

// NewNodeKeys makes the entry of a node, proofs included, for an enrol event
// of the organisation with the given key.
func NewNodeKeys(chain ChainID, org Key, node, recorder ed25519.PrivateKey) NodeKeys {
	return NodeKeys{
		Node:           PublicKey(node),
		Recorder:       PublicKey(recorder),
		Possession:     sign(recorder, signingBytes(purposePossession, chain, org[:])),
		NodePossession: sign(node, signingBytes(purposeNodePossession, chain, org[:])),
	}
}

// nodeKeysSize is the number of bytes of encoded NodeKeys.
const nodeKeysSize = 32 + 32 + 64 + 64

// Append appends the encoding: the keys, then the proofs.
func (n *NodeKeys) Append(b []byte) []byte {
	b = append(b, n.Node[:]...)
	b = append(b, n.Recorder[:]...)
	b = append(b, n.Possession[:]...)
	return append(b, n.NodePossession[:]...)
}

func (r *reader) nodeKeys() NodeKeys {
	return NodeKeys{Node: r.key(), Recorder: r.key(), Possession: r.sig(), NodePossession: r.sig()}
}

// queue queues the proofs that the keys agree to belong to the organisation with that key.
func (n *NodeKeys) queue(sigs *signatures, chain ChainID, org Key) {
	sigs.add(n.Recorder, signingBytes(purposePossession, chain, org[:]), n.Possession,
		broken(RulePossession, "recorder key %v does not prove that it belongs to %v", n.Recorder, org))
	sigs.add(n.Node, signingBytes(purposeNodePossession, chain, org[:]), n.NodePossession,
		broken(RulePossession, "node key %v does not prove that it belongs to %v", n.Node, org))
}

// keyKind is a kind of key. The kinds are apart: a key may be enrolled once in each.
type keyKind uint8

const (
	orgKey keyKind = iota + 1
	recorderKey
	nodeKey
)

// String returns organisation, recorder or node.
func (k keyKind) String() string {
	return [...]string{orgKey: "organisation", recorderKey: "recorder", nodeKey: "node"}[k]
}

// ownKey is a key that belongs to one organisation alone.
type ownKey struct {
	kind keyKind
	key  Key
}

// checkDistinct refuses keys that are there twice.
func checkDistinct(keys []ownKey) error {
	seen := make(map[ownKey]bool, len(keys))
	for _, k := range keys {
		if seen[k] {
			return takenError(k)
		}
		seen[k] = true
	}
	return nil
}

func takenError(k ownKey) error {
	return broken(RuleDuplicateKey, "%v key %v is enrolled already", k.kind, k.key)
}
