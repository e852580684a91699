// Package neterr says in words for strangers what went wrong on the way to a server.
package neterr

import (
	"errors"
	"net"
	"net/url"
	"strings"
)

// Words tell of an error without what it says of this machine: from which address and port it was
// connected, which is that of a private network behind a router, and which resolver it asks.
func Words(err error) string {
	if at, ok := errors.AsType[*url.Error](err); ok {
		return Words(at.Err) // it is known what was asked for
	}
	if name, ok := errors.AsType[*net.DNSError](err); ok {
		if name.IsNotFound {
			return "the name is not in the DNS"
		}
		return "the DNS does not answer"
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		said := Words(op.Err)
		if !strings.HasPrefix(said, op.Op) {
			said = op.Op + ": " + said
		}
		if text := err.Error(); strings.Contains(text, op.Error()) {
			return strings.ReplaceAll(text, op.Error(), said)
		}
		return said
	}
	return err.Error()
}
