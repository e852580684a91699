// Package courier carries sealed mail of the queue (mailstore/outbox) to where it is for, or
// returns it to its sender.
//
//   - Courier asks the queue for domains of which something is due and fills a lane for each, whose
//     workers keep sessions open (courier.go, lane.go). Lanes have a width (width.go), take turns
//     (trip.go), and share a bound on text in memory (carried.go).
//   - An attempt asks the Router for a route and hands the mail over (attempt.go) by package client:
//     signed where it leaves the network (signing.go), from a return path that reports come back to
//     (envelopesender.go), and as REQUIRETLS has it (requiretls.go). Where the reply is lost the node
//     is asked (unclear.go); where no node answers for long, another way is tried (fallback.go).
//   - What came of it is made durable in one transaction (settle.go): gone, tried again, or returned
//     (returns.go, notification.go). Senders hear once of what waits for long (delays.go).
//   - Mail that has no token yet is seen to beside that (unsealed.go, unrecorded.go).
//
// What is for accounts of this node goes to Delivery, and for those of other nodes of the
// organisation to whom package holder names.
package courier
