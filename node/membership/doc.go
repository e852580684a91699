// Package membership is what an organisation on the chain goes by, and the strings that people hand
// over to make one larger. It is given a state or an entry and events; it has no store, no network
// and no files.
//
// Standing (standing.go) makes an organisation's next event and signs it. Armour (armour.go) is
// what strings have in common: an Invite to a network (invite.go), the NodeRequest of a new
// machine, and the Admission that answers it (noderequest.go). history.go and formers.go read off
// entries what changed and which nodes are one, events.go what stands in a block and what will in
// none. profile.go compares what an organisation says of itself, address.go has the forms of
// domains and addresses that may be handed over, stamp.go tells how long a stamp takes.
package membership
