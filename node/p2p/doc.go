// Package p2p connects a node with the others of its chain: it finds them, keeps their chains and
// mempools equal by gossip and by asking, and carries mail between them as streams that look like
// any other net.Conn.
//
// A Host is a libp2p host over TCP, Noise and yamux. Every protocol and topic name contains the
// chain id, so that nodes of different networks have nothing to say to each other:
//
//	/cairn/<chain>/{block,batch,event}/1   gossip topics
//	/cairn/<chain>/status/1                who are you, how far are you: exchanged on connect and every few seconds
//	/cairn/<chain>/blocks/1                blocks after a locator, or by id
//	/cairn/<chain>/pool/1                  makes two mempools equal: pending org events and batches
//	/cairn/<chain>/peers/1                 signed addresses of other nodes
//	/cairn/<chain>/time/1                  what the other's clock says
//	/cairn/<chain>/smtp/1                  a mail session
//
// Gossip is the fast path and may lose anything. What is lost is found again by asking: a status
// that names more work, or a block whose parent is unknown, starts a sync; the exchange of mempools
// runs on connect, after each sync and every so often.
//
// Nothing that a peer sends is believed: each message has a size limit and one decoder, each stream
// a deadline and a place in a bounded number, each peer an allowance per protocol. What breaks a
// rule is counted under the name of the rule (Stats), and a peer that keeps doing so is cut off for
// a while. What is merely early, late or known already is never held against anyone.
package p2p
