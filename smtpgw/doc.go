// Package smtpgw serves mail: it takes messages in over SMTP, puts outbound
// mail into a durable queue, and delivers what is for accounts here.
//
//   - Server accepts connections of any net.Listener, TCP or libp2p streams
//     alike. One session type serves both modes: Submission for the mail
//     programs of this organisation, Inbound for mail from elsewhere.
//   - Submitter checks and queues what the organisation's users send, for the
//     submission server and for local programs. What programs read in different
//     ways is put right before that is recorded (package draft).
//   - Filter is an administrator's program that messages pass: submitted ones
//     before they are recorded, arrivals once they were judged.
//   - Delivery puts a message that came for local accounts into the mail
//     store, in one durable transaction. What a Checker and Sources found out
//     is evidence; screen.Decide says where the mail goes.
//   - Filing keeps that evidence, and lets labels follow when a verdict changes.
//   - History remembers what accounts had to do with which addresses.
//
// Package courier carries what is in the queue (mailstore/outbox) on, by routes
// and sessions of package client. Neither it nor the servers import each other;
// what both need is in packages of its own.
//
// Mailing lists that this node hosts are in package lists.
//
// A 250 is given only after the durable commit. Whatever goes wrong becomes an
// explicit SMTP reply at one place, the error gate; causes go to the log,
// never to the peer.
//
// The SMTP server is github.com/emersion/go-smtp. Between it and the network
// stands a wire (wire.go), which holds the stream to the letter of RFC 5321:
// it frames commands and message data itself, so that no bare CR or LF can
// mean one thing here and another thing to the next server, and it owns
// deadlines, rates and the number of errors a peer may make.
package smtpgw
