// Package api is how another process on the same machine speaks to a running node: JSON over HTTP
// on a unix socket in the node's directory, readable and writable by the owner alone.
//
// The views in this package are the node's stable, versioned face: the command line prints them
// unchanged under --json. Every document carries "version"; a field is never renamed or given
// another meaning within one version, though new ones may appear. Times are RFC 3339 in UTC, hashes
// and keys lower-case hex, raw mail base64. A backup is no view: it is answered as octets.
//
// The node implements Backend; Serve offers it; Client is a Backend again, so that a caller does
// not know whether the node is in this process or another.
package api
