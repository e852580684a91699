//go:build !unix

package smtpgw

import "net"

// spokeFirst is not told here without waiting.
func spokeFirst(*net.TCPConn) bool { return false }
