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
	text := err.Error()
	for _, op := range opErrors(err) {
		said := Words(op.Err)
		if !strings.HasPrefix(said, op.Op) {
			said = op.Op + ": " + said
		}
		if !strings.Contains(text, op.Error()) {
			return said
		}
		text = strings.ReplaceAll(text, op.Error(), said)
	}
	return text
}

// opErrors are the outermost errors of that kind that an error wraps, of which there may be several
// where several addresses were tried.
func opErrors(err error) (list []*net.OpError) {
	switch err := err.(type) {
	case *net.OpError:
		return []*net.OpError{err}
	case interface{ Unwrap() error }:
		return opErrors(err.Unwrap())
	case interface{ Unwrap() []error }:
		for _, one := range err.Unwrap() {
			list = append(list, opErrors(one)...)
		}
	}
	return list
}
