// Package proxyproto reads the header by which a proxy says for whom it has connected: versions 1
// and 2 of the PROXY protocol, as HAProxy describes it (doc/proxy-protocol.txt, of 2020/03/05). It
// is pure, and reads no octet beyond the header.
package proxyproto

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
)

const (
	// signature begins a header of version 2 (section 2.2).
	signature = "\r\n\r\n\x00\r\nQUIT\n"
	// start begins one of version 1 (section 2.1). No header is shorter than the signature.
	start = "PROXY "
	// maxLine bounds a header of version 1 with its CRLF (section 2.1).
	maxLine = 107
	// maxRest bounds what stands behind the first 16 octets of version 2: addresses, and values of
	// other kinds, which are passed over.
	maxRest = 4096
)

// Errors of a header.
var (
	ErrNone      = errors.New("no PROXY header")
	ErrMalformed = errors.New("a malformed PROXY header")
)

// Header says for whom a proxy has connected.
type Header struct {
	// From and To are the ends of the connection that the proxy has taken. They are not valid where
	// it speaks for itself, as to see whether the server is there, or does not know them.
	From, To netip.AddrPort
}

// Read reads a header from the beginning of a connection. The error is ErrNone, ErrMalformed or one
// of r, wrapped.
func Read(r io.Reader) (Header, error) {
	var b [len(signature)]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return Header{}, fmt.Errorf("read a PROXY header: %w", err)
	}
	switch {
	case string(b[:]) == signature:
		return readBinary(r)
	case bytes.HasPrefix(b[:], []byte(start)):
		return readLine(r, b[len(start):])
	}
	return Header{}, ErrNone
}

// readLine is Read of version 1, behind its start.
func readLine(r io.Reader, begun []byte) (Header, error) {
	line := append(make([]byte, 0, maxLine), begun...)
	for !bytes.HasSuffix(line, []byte("\r\n")) {
		if len(start)+len(line) >= maxLine || bytes.IndexByte(line, '\n') >= 0 {
			return Header{}, ErrMalformed
		}
		line = line[:len(line)+1]
		if _, err := io.ReadFull(r, line[len(line)-1:]); err != nil { // an octet at a time: what follows is not ours
			return Header{}, fmt.Errorf("read a PROXY header: %w", err)
		}
	}
	return parseLine(string(line[:len(line)-2]))
}

func parseLine(line string) (Header, error) {
	if family, _, _ := strings.Cut(line, " "); family == "UNKNOWN" {
		return Header{}, nil // whatever follows
	}
	parts := strings.Split(line, " ")
	if len(parts) != 5 || parts[0] != "TCP4" && parts[0] != "TCP6" {
		return Header{}, ErrMalformed
	}
	from, ok := endOf(parts[0], parts[1], parts[3])
	to, alsoOK := endOf(parts[0], parts[2], parts[4])
	if !ok || !alsoOK {
		return Header{}, ErrMalformed
	}
	return Header{from, to}, nil
}

// endOf is an address with its port.
func endOf(family, address, port string) (netip.AddrPort, bool) {
	a, err := netip.ParseAddr(address)
	n, bad := strconv.ParseUint(port, 10, 16)
	if err != nil || bad != nil || a.Zone() != "" || a.Is4() != (family == "TCP4") || strconv.FormatUint(n, 10) != port {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(a, uint16(n)), true
}

// What the thirteenth and fourteenth octet of version 2 are.
const (
	local    = 0x20
	proxied  = 0x21
	unspec   = 0x00
	overTCP4 = 0x11
	overTCP6 = 0x21
)

// readBinary is Read of version 2, behind its signature.
func readBinary(r io.Reader) (Header, error) {
	var b [4]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return Header{}, fmt.Errorf("read a PROXY header: %w", err)
	}
	size := int(binary.BigEndian.Uint16(b[2:]))
	if size > maxRest {
		return Header{}, ErrMalformed
	}
	rest := make([]byte, size)
	if _, err := io.ReadFull(r, rest); err != nil {
		return Header{}, fmt.Errorf("read a PROXY header: %w", err)
	}
	switch {
	case b[0] == local, b[0] == proxied && b[1] == unspec:
		return Header{}, nil // what follows is not looked at
	case b[0] == proxied && b[1] == overTCP4 && size >= 12:
		return Header{endAt(rest[:4], rest[8:]), endAt(rest[4:8], rest[10:])}, nil
	case b[0] == proxied && b[1] == overTCP6 && size >= 36:
		return Header{endAt(rest[:16], rest[32:]), endAt(rest[16:32], rest[34:])}, nil
	}
	return Header{}, ErrMalformed
}

func endAt(address, port []byte) netip.AddrPort {
	a, _ := netip.AddrFromSlice(address)
	return netip.AddrPortFrom(a, binary.BigEndian.Uint16(port))
}
