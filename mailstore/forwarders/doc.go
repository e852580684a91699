// Package forwarders keeps, for each account, who sends mail on to it: the
// mailing lists it is on and the old addresses that lead to it.
//
// An entry that the account made itself says that mail may come from a
// forwarder's node although the author wrote to another address. What the node
// learned from what the account does gives tolerance and no more: sending mail
// to an address is not a statement about who may send on mail from there.
package forwarders
