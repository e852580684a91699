package node

import (
	"errors"
	"net"
	"path/filepath"
	"syscall"
)

// ofOriginal is what to do where something listens already: of two processes with the keys of one
// node neither speaks for it.
const ofOriginal = "if it is this node's own original that has it, end that; else choose another port there, "

// bind listens on the address that the configuration has under key.
func (n *Node) bind(key, address string) (net.Listener, error) {
	if address == "" {
		return nil, nil
	}
	l, err := net.Listen("tcp", address)
	if err == nil {
		return l, nil
	}
	return nil, n.unusable(key, err, nextOfBind(err))
}

// nextOfBind is what to do where an address could not be listened at.
func nextOfBind(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return ofOriginal + "or end the program that has this one"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "write an address of this machine there"
	case errors.Is(err, syscall.EACCES):
		return "choose a port from 1024 on, or allow this program the lower ones"
	}
	return "write an address and port that this machine can listen on"
}

// unusable is the error of a value that only proved wrong when it was used. An address may be free,
// or this machine's, a moment later: another process ends, a network comes up.
func (n *Node) unusable(key string, err error, next string) error {
	passing := errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, syscall.EADDRNOTAVAIL)
	return &ConfigError{File: filepath.Join(n.dir, ConfigFile), Key: key, Cause: err.Error(), Next: next, Passing: passing}
}
