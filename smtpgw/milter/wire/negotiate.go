package wire

import "encoding/binary"

// Version is the newest version of the protocol that is spoken here.
const (
	Version    = 6
	minVersion = 2
)

// What a filter may do to mail (SMFIF_*).
const (
	actAddHeader    = 0x01
	actChangeHeader = 0x10
	actDropRcpt     = 0x08
	actQuarantine   = 0x20

	actionsNeeded = actAddHeader | actChangeHeader | actDropRcpt | actQuarantine
)

// What a filter wants to be told, and how (SMFIP_*).
const (
	skipUnknown = 0x100
	skipData    = 0x200

	quietHeader  = 0x80 // no reply to these
	quietConnect = 0x1000
	quietHelo    = 0x2000
	quietMail    = 0x4000
	quietRcpt    = 0x8000
	quietData    = 0x10000
	quietUnknown = 0x20000
	quietEOH     = 0x40000
	quietBody    = 0x80000

	leadingSpace = 0x100000 // values of header fields begin right behind the colon

	wishes = skipUnknown | skipData | leadingSpace |
		quietHeader | quietConnect | quietHelo | quietMail | quietRcpt | quietData | quietUnknown | quietEOH | quietBody
)

// quietOf says by which flag a command is not replied to.
var quietOf = map[byte]uint32{
	CommandConnect: quietConnect, CommandHelo: quietHelo, CommandMail: quietMail, CommandRcpt: quietRcpt,
	CommandData: quietData, CommandHeader: quietHeader, CommandEOH: quietEOH, CommandBody: quietBody, CommandUnknown: quietUnknown,
}

// terms are what both sides agreed on.
type terms struct {
	agreed   bool
	protocol uint32
}

// negotiate reads an offer and returns the reply to it: version u32, actions u32, protocol u32.
func negotiate(data []byte) (t terms, reply []byte, err error) {
	if len(data) < 12 {
		return t, nil, broken("an offer of %d octets", len(data))
	}
	version := binary.BigEndian.Uint32(data)
	actions := binary.BigEndian.Uint32(data[4:])
	offered := binary.BigEndian.Uint32(data[8:])
	switch {
	case version < minVersion:
		return t, nil, broken("its version is %d", version)
	case actions&actionsNeeded != actionsNeeded:
		return t, nil, broken("it does not let filters add and remove header fields, remove recipients and hold mail (%#x)", actions)
	}
	t = terms{agreed: true, protocol: offered & wishes}
	b := binary.BigEndian.AppendUint32(nil, min(version, Version))
	b = binary.BigEndian.AppendUint32(b, actionsNeeded)
	b = binary.BigEndian.AppendUint32(b, t.protocol)
	return t, appendPacket(nil, CommandNegotiate, b), nil
}
