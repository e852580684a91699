package node

import "cairn/consensus"

// What this node has to remember about organisations is kept in the space orgSpace, under these
// keys.
const (
	orgSpace = "organisation"

	// eventPrefix is before the ID of each event of our own until a hundred blocks stand on the one
	// with it.
	eventPrefix = "event/"

	// overtakenPrefix is before the ID of each that no block will hold any more; behind it stand
	// when that was found, in milliseconds of 8 octets, and the event.
	overtakenPrefix = "overtaken/"

	// configuredKey is what the organisation was configured as when it was last looked at.
	configuredKey = "configured"

	// ownChangedKey is the height of the last change of our organisation that this node has seen in
	// a block. A chain that is fetched again, as after a restore, says nothing of the organisation
	// before it is there.
	ownChangedKey = "seen"

	// othersKey is the height up to which this node has seen a chain with other nodes than itself,
	// see lacks.
	othersKey = "others"

	// recorderPrefix is before each recorder key that a block has given this node; behind it stands
	// which one. The notes stay when the keys go: a chain that is fetched again knows the first one
	// first, and the last one last.
	recorderPrefix = "recorder/"

	// toldPrefix is before the ID of each organisation whose changes are told to the administrator;
	// behind it stand the IDs of the steps for which that was done, of the branch that was last
	// looked at and of those before it since there was last something to tell; formerly the height
	// up to which it was done, in 8 octets.
	toldPrefix = "seen/"

	// transportPrefix is before the ID of each organisation of which somebody has said how mail for
	// it goes; behind it stands a transport.
	transportPrefix = "transport/"

	// attestedKey is when this node gave its word within the last day.
	attestedKey = "attested"
)

func eventKey(e *consensus.OrgEvent) []byte     { return under(eventPrefix, e.ID()) }
func overtakenKey(e *consensus.OrgEvent) []byte { return under(overtakenPrefix, e.ID()) }
func toldKey(id consensus.Hash) []byte          { return under(toldPrefix, id) }

func under[T consensus.Hash | consensus.Key](prefix string, id T) []byte {
	return append([]byte(prefix), id[:]...)
}
