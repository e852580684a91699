//go:build unix

package smtpgw

import (
	"net"
	"syscall"
)

// spokeFirst takes what a peer has sent up to now, without waiting for it, and
// reports whether that was anything. Programs that only send, whoever answers,
// do not wait for the greeting (RFC 5321, section 3.1); honest ones have
// nothing on its way before they have it.
func spokeFirst(c *net.TCPConn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	n := 0
	var buf [512]byte
	err = raw.Read(func(fd uintptr) bool {
		n, _ = syscall.Read(int(fd), buf[:]) // the socket does not block
		return true
	})
	return err == nil && n > 0
}
