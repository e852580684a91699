package record

import "cairn/mailstore/message"

// Wish is what the sender of a message, or else the organisation, wants of its record. The zero
// value is the usual record.
type Wish struct {
	// LeftOut are types of components that are not recorded, in ascending order.
	LeftOut []message.Type
	// Derive are derived types of components that are recorded, in ascending order.
	Derive []message.Type
	// Threshold is the least share of the message, in per cent, with which recipients shall take it
	// for the one that was sent; 0 for no word about it.
	Threshold int
}
