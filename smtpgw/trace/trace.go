// Package trace has the fields that say which way a message came, and who brought it (RFC 5321,
// section 4.4).
package trace

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"cairn/mailstore/message"
	"cairn/mailstore/message/maildomain"
	"cairn/smtpgw/address"
	"cairn/smtpgw/authres"
	"cairn/smtpgw/rawheader"
	"cairn/smtpgw/refuse"
)

// DateFormat is the date-time of RFC 5322, section 3.3.
const DateFormat = time.RFC1123Z

// Received returns our Received field with CRLF (RFC 5321, section
// 4.4). rcpt is named only when it is the only recipient.
func Received(p Peer, hostname, ref string, rcpts []string, now time.Time) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "Received: from %s", Token(p.Helo))
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
	fmt.Fprintf(&b, ";\r\n\t%s\r\n", now.Format(DateFormat))
	return []byte(b.String())
}

// Token keeps of a HELO argument what may stand in a header field.
func Token(s string) string {
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

// Put turns a message that arrived into the one that is stored: trace on top; removed are
// Authentication-Results that claim to be ours (RFC 8601, section 5), what mail programs note for
// themselves in files, and what other filters found and programs here would act upon (see
// message.ForeignFinding). All other bytes stay as they are.
func Put(raw, trace []byte, hostname string) []byte {
	header, rest := rawheader.Split(raw)
	var out bytes.Buffer
	out.Grow(len(trace) + len(raw))
	out.Write(trace)
	for f := range rawheader.Fields(header) {
		name := f.Lower()
		switch {
		case message.LocalNote(name), message.ForeignFinding(name):
		case f.Is("authentication-results") && authres.Bears(f.Value(), hostname):
		default:
			out.Write(f.Raw)
		}
	}
	out.Write(rest)
	return out.Bytes()
}

// CheckLoop refuses a message that has been through too many hosts.
func CheckLoop(header []byte) error {
	if rawheader.Count(header, "received") >= MaxReceived {
		return Circles()
	}
	return nil
}

func Circles() error {
	return refuse.With(554, 5, 4, 6, "message has %d Received fields or more: it goes in circles", MaxReceived)
}

// MaxReceived is the number of Received fields at which a message is taken to
// go in circles (RFC 5321, section 6.3).
const MaxReceived = 100

// NewRef returns a fresh opaque name: 16 hex digits.
func NewRef() string {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
