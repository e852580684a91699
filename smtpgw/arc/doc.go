// Package arc validates the chain of seals that relays put on a message (RFC 8617): what each found
// out about it before changing it. And it makes the next one, on what is sent on, by which the next
// server learns what this one found out. Whether a sealer's word counts is for who asks to say.
package arc
