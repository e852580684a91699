// Package forwarders keeps, for each account, who sends mail on to it, as the
// account has named them: the mailing lists it is on and the old addresses that
// lead to it. An entry says that mail may come from a forwarder's node although
// the author wrote to another address.
package forwarders
