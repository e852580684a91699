package dns01

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
)

// The numbers of TSIG (RFC 8945, sections 3 and 4.2).
const (
	typeTSIG, classANY = 250, 255
	badSig, badKey     = 16, 17
	badTime            = 18
	fudge              = 300 // by how many seconds the clocks of both may differ
	headerSize         = 12  // of a message
	minSecret          = 16  // octets of a secret, below which it may be guessed
)

// hmacSHA256 is the name of the algorithm (RFC 8945, section 6).
var hmacSHA256 = []byte("\x0bhmac-sha256\x00")

// Key is one that signs updates, by HMAC-SHA256.
type Key struct {
	name   []byte // as messages have it, in lower case
	secret []byte
}

// NewKey returns the key of a name, whose secret is in base64.
func NewKey(name, secret string) (*Key, error) {
	wire, err := encodeName(name)
	if err != nil {
		return nil, err
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(secret))
	if err != nil {
		return nil, errors.New("the secret is not in base64") // its octets are nobody's business
	}
	if len(raw) < minSecret {
		return nil, fmt.Errorf("the secret has %d octets, and less than %d can be guessed", len(raw), minSecret)
	}
	return &Key{wire, raw}, nil
}

// CheckKeyName tells what cannot be the name of a key.
func CheckKeyName(name string) error {
	_, err := encodeName(name)
	return err
}

// encodeName is a name of host names' letters as messages have it, in lower case.
func encodeName(name string) (wire []byte, err error) {
	name = strings.TrimSuffix(name, ".")
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
		}) {
			return nil, fmt.Errorf("%.80q is no name", name)
		}
		wire = append(append(wire, byte(len(label))), strings.ToLower(label)...)
	}
	if wire = append(wire, 0); len(wire) > 255 {
		return nil, fmt.Errorf("%.80q is too long for a name", name)
	}
	return wire, nil
}

// lower is an octet of a name in lower case (RFC 4343).
func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// tsig is a record that signs a message. Its algorithm is always HMAC-SHA256.
type tsig struct {
	key   []byte
	at    uint64 // seconds since 1970
	fudge uint16
	mac   []byte
	id    uint16 // of the message before anybody changed it
	err   uint16
	other []byte
}

// sign returns a message with its signature at its end, and that.
func (k *Key) sign(msg []byte, now time.Time) (signed, mac []byte) {
	t := tsig{key: k.name, at: uint64(now.Unix()), fudge: fudge, id: binary.BigEndian.Uint16(msg)}
	t.mac = k.sum(nil, msg, &t)
	return t.appendTo(msg), t.mac
}

// sum is the MAC of a message without its signature t (RFC 8945, section 4.3); asked is the one of
// the request that it answers, if it is an answer.
func (k *Key) sum(asked, msg []byte, t *tsig) []byte {
	h := hmac.New(sha256.New, k.secret)
	if asked != nil {
		h.Write(binary.BigEndian.AppendUint16(nil, uint16(len(asked))))
		h.Write(asked)
	}
	h.Write(msg)
	b := append([]byte{}, t.key...)
	b = binary.BigEndian.AppendUint16(b, classANY)
	b = binary.BigEndian.AppendUint32(b, 0)
	b = append(b, hmacSHA256...)
	b = t.appendTime(b)
	b = binary.BigEndian.AppendUint16(b, t.err)
	b = binary.BigEndian.AppendUint16(b, uint16(len(t.other)))
	h.Write(append(b, t.other...))
	return h.Sum(nil)
}

func (t *tsig) appendTime(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(t.at>>32))
	b = binary.BigEndian.AppendUint32(b, uint32(t.at))
	return binary.BigEndian.AppendUint16(b, t.fudge)
}

// appendTo returns a message with the signature as its last record (RFC 8945, section 4.2).
func (t *tsig) appendTo(msg []byte) []byte {
	b := append([]byte{}, msg...)
	binary.BigEndian.PutUint16(b[10:], binary.BigEndian.Uint16(b[10:])+1)
	b = append(b, t.key...)
	b = binary.BigEndian.AppendUint16(b, typeTSIG)
	b = binary.BigEndian.AppendUint16(b, classANY)
	b = binary.BigEndian.AppendUint32(b, 0)
	data := t.appendTime(append([]byte{}, hmacSHA256...))
	data = binary.BigEndian.AppendUint16(data, uint16(len(t.mac)))
	data = append(data, t.mac...)
	data = binary.BigEndian.AppendUint16(data, t.id)
	data = binary.BigEndian.AppendUint16(data, t.err)
	data = binary.BigEndian.AppendUint16(data, uint16(len(t.other)))
	data = append(data, t.other...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(data)))
	return append(b, data...)
}

// Why an answer does not count.
var (
	errUnsound  = errors.New("what came is no answer")
	errUnsigned = errors.New("the answer is not signed")
	errForged   = errors.New("the answer is not signed with the key")
	errSecret   = errors.New("the server has no such key that may change that, or another secret for it")
	errClocks   = errors.New("the clocks of the server and of this machine differ by more than five minutes")
)

// verify holds an answer to the key; asked is the MAC of the request (RFC 8945, section 5.3).
func (k *Key) verify(msg, asked []byte, now time.Time) error {
	rest, t, err := split(msg)
	switch {
	case err != nil:
		return err
	case t == nil:
		return errUnsigned
	case !bytes.Equal(t.key, k.name):
		return errForged
	case len(t.mac) == 0 && (t.err == badSig || t.err == badKey): // section 5.3.2: nothing to sign these with
		return errSecret
	case !hmac.Equal(t.mac, k.sum(asked, rest, t)):
		return errForged
	case t.err == badTime:
		return errClocks
	case t.err != 0:
		return fmt.Errorf("the server does not take the signature (error %d)", t.err)
	}
	if ours := uint64(now.Unix()); max(ours, t.at)-min(ours, t.at) > uint64(min(t.fudge, fudge)) {
		return errClocks
	}
	return nil
}

// split takes the signature off a message, as it was before it was signed; nil: it has none. One
// that does not stand at the end, or that is of another algorithm, is an error.
func split(msg []byte) (rest []byte, t *tsig, err error) {
	if len(msg) < headerSize {
		return nil, nil, errUnsound
	}
	count := func(i int) int { return int(binary.BigEndian.Uint16(msg[4+2*i:])) }
	at := headerSize
	for range count(0) {
		if _, at, err = readName(msg, at); err != nil || len(msg)-at < 4 {
			return nil, nil, errUnsound
		}
		at += 4
	}
	records := count(1) + count(2) + count(3)
	for i := range records {
		start := at
		var owner []byte
		if owner, at, err = readName(msg, at); err != nil || len(msg)-at < 10 {
			return nil, nil, errUnsound
		}
		kind, class := binary.BigEndian.Uint16(msg[at:]), binary.BigEndian.Uint16(msg[at+2:])
		ttl, size := binary.BigEndian.Uint32(msg[at+4:]), int(binary.BigEndian.Uint16(msg[at+8:]))
		if at += 10; len(msg)-at < size {
			return nil, nil, errUnsound
		}
		data := msg[at : at+size]
		at += size
		if kind != typeTSIG {
			continue
		}
		if i != records-1 || count(3) == 0 || class != classANY || ttl != 0 {
			return nil, nil, errUnsound
		}
		if t, err = readTSIG(data); err != nil {
			return nil, nil, err
		}
		t.key = owner
		rest = append([]byte{}, msg[:start]...)
		binary.BigEndian.PutUint16(rest, t.id)
		binary.BigEndian.PutUint16(rest[10:], uint16(count(3)-1))
	}
	if at != len(msg) {
		return nil, nil, errUnsound
	}
	return rest, t, nil
}

// readTSIG reads the data of a signature.
func readTSIG(data []byte) (*tsig, error) {
	name, at, err := readName(data, 0)
	if err != nil {
		return nil, errUnsound
	}
	if !bytes.Equal(name, hmacSHA256) {
		return nil, errForged
	}
	t, b := new(tsig), data[at:]
	if len(b) < 10 {
		return nil, errUnsound
	}
	t.at = uint64(binary.BigEndian.Uint16(b))<<32 | uint64(binary.BigEndian.Uint32(b[2:]))
	t.fudge = binary.BigEndian.Uint16(b[6:])
	size := int(binary.BigEndian.Uint16(b[8:]))
	if b = b[10:]; len(b) < size+6 {
		return nil, errUnsound
	}
	t.mac, b = b[:size], b[size:]
	t.id, t.err = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	if t.other = b[6:]; len(t.other) != int(binary.BigEndian.Uint16(b[4:])) {
		return nil, errUnsound
	}
	return t, nil
}

// readName reads a name at a place of a message, with what it points to, in lower case; after is
// behind it. Pointers lead back alone, so that there is an end (RFC 1035, section 4.1.4).
func readName(msg []byte, at int) (wire []byte, after int, err error) {
	after = -1
	for lowest := at; ; {
		if at >= len(msg) {
			return nil, 0, errUnsound
		}
		size := int(msg[at])
		switch {
		case size&0xc0 == 0xc0:
			if at+1 >= len(msg) {
				return nil, 0, errUnsound
			}
			if after < 0 {
				after = at + 2
			}
			if at = (size&0x3f)<<8 | int(msg[at+1]); at >= lowest {
				return nil, 0, errUnsound
			}
			lowest = at
			continue
		case size > 63 || len(msg)-at <= size || len(wire)+size+1 > 255:
			return nil, 0, errUnsound
		}
		wire = append(wire, msg[at])
		for _, c := range msg[at+1 : at+1+size] {
			wire = append(wire, lower(c))
		}
		if at += 1 + size; size == 0 {
			if after < 0 {
				after = at
			}
			return wire, after, nil
		}
	}
}
