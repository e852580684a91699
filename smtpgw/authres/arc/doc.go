// Package arc validates the chain of seals that relays put on a message (RFC 8617): what each found
// out about it before changing it. Whether a sealer's word counts is for who asks to say.
package arc
