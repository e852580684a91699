// Package home is a node's directory on the disk: what is in it, and how it is saved and brought
// back.
//
// files.go lists the files. A backup is one stream (container.go has its bytes) of those whose loss
// would cost something, and of one moment of the mail store; Create writes it, Read holds it to its
// lengths and digests, Restore makes a directory of it. Around the stream there may be encryption
// (crypt.go). Which node it is of, and whether that runs, is the caller's matter.
package home
