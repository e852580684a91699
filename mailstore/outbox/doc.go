// Package outbox is the durable queue of outbound mail, kept in the mail store.
// An entry is one message for the recipients of one domain. The gateway puts
// entries in, the recorder seals them with their token, and the gateway's courier
// carries what is sealed and due.
package outbox
