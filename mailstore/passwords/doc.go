// Package passwords keeps what people and programs sign in with as an account: a password that its
// owner has chosen, of which only an Argon2id hash is stored (RFC 9106), and app passwords, which
// are random, have names and are each taken back alone. For who has chosen none a directory
// elsewhere may be asked.
package passwords
