// Package consensus holds the rules that every Cairn node must agree on: what
// a block, a batch and an organisation's event are, byte for byte, which of
// them are valid, and what each does to the state.
//
// Everything here is a function of its arguments. Nothing reads a clock, a
// disk or the network, nothing starts a goroutine, and a State is never
// changed once made: ApplyBlock returns a new one. A caller that keeps an old
// State may go on using it, from any goroutine.
//
// The way of a block through the package:
//
//	DecodeBlock       bytes to values; strict, so that encode(decode(x)) == x
//	ValidateHeader    what the parent's HeaderState alone can judge
//	CheckClock        the wall clock, which may delay a block, never condemn it
//	ValidateHeadline  the same and who may mine, by header and events without the batches
//	CheckBlock        what the block shows by itself, whatever it stands on
//	ValidateBlock     all rules together: keys, roots, events, batches
//	ApplyBlock        the next State, and an Undo to come back
//	RevertBlock       the State before
//
// What is invalid is reported as a *RuleError with a short stable code. The
// byte layouts, signing strings and rules are written down in doc/protocol.md,
// with test vectors in testdata.
package consensus
