package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// A packet is its length as a u32 in network order, one octet that says what it is, and data. The
// length counts the octet and the data.

// HeadSize is how many octets a packet begins with: its length and what it is.
const HeadSize = 5

// MaxData bounds the data of a packet. Mail servers cut bodies into chunks of 64 KiB; a header
// field comes whole, and is bounded by them and by Limits.
const MaxData = 512 << 10

// What a mail server says.
const (
	CommandNegotiate = 'O'
	CommandMacros    = 'D'
	CommandConnect   = 'C'
	CommandHelo      = 'H'
	CommandMail      = 'M'
	CommandRcpt      = 'R'
	CommandData      = 'T'
	CommandHeader    = 'L'
	CommandEOH       = 'N'
	CommandBody      = 'B'
	CommandEnd       = 'E'
	CommandAbort     = 'A'
	CommandQuit      = 'Q'
	CommandQuitNew   = 'K' // the connection is used for another session
	CommandUnknown   = 'U'
)

// What a filter says.
const (
	replyContinue   = 'c'
	replyAccept     = 'a'
	replyDiscard    = 'd'
	replyTemporary  = 't'
	replyCode       = 'y'
	replyInsert     = 'i'
	replyChange     = 'm'
	replyDropRcpt   = '-'
	replyQuarantine = 'q'
)

// ErrProtocol says that a mail server does not keep to the protocol; the connection is of no use.
var ErrProtocol = errors.New("the mail server does not keep to the milter protocol")

func broken(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrProtocol, fmt.Sprintf(format, args...))
}

// ReadHead reads the beginning of a packet: which command it is and how many octets of data follow,
// at most MaxData.
func ReadHead(head [HeadSize]byte) (command byte, size int, err error) {
	n := binary.BigEndian.Uint32(head[:4])
	if n == 0 || n > MaxData+1 {
		return 0, 0, broken("a packet of %d octets", n)
	}
	return head[4], int(n) - 1, nil
}

// appendPacket appends a packet.
func appendPacket(b []byte, kind byte, data ...[]byte) []byte {
	n := 1
	for _, d := range data {
		n += len(d)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(n))
	b = append(b, kind)
	for _, d := range data {
		b = append(b, d...)
	}
	return b
}

// text takes a string that ends with NUL off the front of data.
func text(data []byte) (s, rest []byte, err error) {
	s, rest, found := bytes.Cut(data, []byte{0})
	if !found {
		return nil, nil, broken("a string without its end")
	}
	return s, rest, nil
}

// texts are all strings of data, at most so many.
func texts(data []byte, most int) (list []string, err error) {
	for len(data) > 0 {
		if len(list) == most {
			return nil, broken("more than %d strings in one packet", most)
		}
		var s []byte
		if s, data, err = text(data); err != nil {
			return nil, err
		}
		list = append(list, string(s))
	}
	return list, nil
}
