package consensus

import "github.com/oasisprotocol/curve25519-voi/curve"

// checkKey refuses keys that prove nothing: 32 bytes that are no point, points that have another
// encoding, and points of small order, of which anybody can make signatures.
func checkKey(k ownKey) error {
	encoded, err := curve.NewCompressedEdwardsYFromBytes(k.key[:])
	if err != nil || !encoded.IsCanonicalVartime() {
		return broken(RuleWeakKey, "%v key %v is no canonical point", k.kind, k.key)
	}
	point, err := curve.NewEdwardsPoint().SetCompressedY(encoded)
	if err != nil || point.IsSmallOrder() {
		return broken(RuleWeakKey, "%v key %v is no point, or one of small order", k.kind, k.key)
	}
	return nil
}
