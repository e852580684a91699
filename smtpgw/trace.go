package smtpgw

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"cairn/mailstore/message/maildomain"
	"cairn/smtpgw/address"
)

// mailDate is the date-time of RFC 5322, section 3.3.
const mailDate = "Mon, 02 Jan 2006 15:04:05 -0700"

// receivedField returns our Received field with CRLF (RFC 5321, section
// 4.4). rcpt is named only when it is the only recipient.
func receivedField(p Peer, hostname, ref string, rcpts []string, now time.Time) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "Received: from %s", traceToken(p.Helo))
	switch {
	case p.Node != nil:
		fmt.Fprintf(&b, " (libp2p node %s)", p.Node)
	case addressLiteral(p.Addr) != "":
		fmt.Fprintf(&b, " (%s)", addressLiteral(p.Addr))
	}
	fmt.Fprintf(&b, "\r\n\tby %s (Cairn) with %s id %s", hostname, p.Protocol, ref)
	if len(rcpts) == 1 && (maildomain.IsASCII(rcpts[0]) || p.Protocol == "UTF8SMTP") {
		fmt.Fprintf(&b, "\r\n\tfor <%s>", address.Path(rcpts[0]))
	}
	fmt.Fprintf(&b, ";\r\n\t%s\r\n", now.Format(mailDate))
	return []byte(b.String())
}

// traceToken keeps of a HELO argument what may stand in a header field.
func traceToken(s string) string {
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r >= 0x7f || strings.ContainsRune(`()<>;,"\`, r) {
			return -1
		}
		return r
	}, s)
	if len(s) > 255 {
		s = s[:255]
	}
	if s == "" {
		return "unknown"
	}
	return s
}

// addressLiteral returns the address literal (RFC 5321, section 4.1.3) of a
// network address, empty if it is not one of IP.
func addressLiteral(addr string) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return ""
	}
	ip, err := netip.ParseAddr(host)
	switch {
	case err != nil:
		return ""
	case ip.Unmap().Is4():
		return "[" + ip.Unmap().String() + "]"
	}
	return "[IPv6:" + ip.WithZone("").String() + "]"
}
