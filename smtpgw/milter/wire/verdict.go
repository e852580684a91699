package wire

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// Action says what the mail server is to do with a message.
type Action uint8

// The actions.
const (
	Accept  Action = iota // deliver it, with what else a Verdict says
	Discard               // tell the client that it is taken, and drop it
	Refuse                // reply with Code, Status and Text
)

// Verdict is what is decided about a message.
type Verdict struct {
	Action Action

	Code   int    // of Refuse: 4xx or 5xx
	Status string // enhanced status code of the same class (RFC 3463)
	Text   string // one line

	DropRecipients []string // each as Path.Given
	RemoveFields   []Nth
	Insert         []Field // above all fields, the first on top; a Value begins behind the colon, its lines end with CRLF
	Quarantine     string  // why it is to be held for a person; empty: it is not
}

// Nth is one of the fields of a name, counted from the top, from 1 on.
type Nth struct {
	Name string
	N    int
}

// maxReply bounds the text of a reply, in octets (RFC 5321, section 4.5.3.1.5).
const maxReply = 480

// Append appends the packets that tell the mail server so.
func (v *Verdict) Append(b []byte) []byte {
	switch v.Action {
	case Discard:
		return appendPacket(b, replyDiscard)
	case Refuse:
		return v.appendRefusal(b)
	}
	for _, r := range v.DropRecipients {
		b = appendPacket(b, replyDropRcpt, []byte(r), []byte{0})
	}
	// From the last one on, since a field that is removed counts no more.
	for _, f := range slices.SortedFunc(slices.Values(v.RemoveFields), func(a, b Nth) int { return cmp.Compare(b.N, a.N) }) {
		b = appendPacket(b, replyChange, binary.BigEndian.AppendUint32(nil, uint32(f.N)), []byte(f.Name), []byte{0, 0})
	}
	for _, f := range slices.Backward(v.Insert) {
		value := strings.ReplaceAll(f.Value, "\r\n", "\n") // as both kinds of mail servers want it
		b = appendPacket(b, replyInsert, make([]byte, 4), []byte(f.Name), []byte{0}, []byte(value), []byte{0})
	}
	if v.Quarantine != "" {
		b = appendPacket(b, replyQuarantine, []byte(oneLine(v.Quarantine)), []byte{0})
	}
	return appendPacket(b, replyAccept)
}

// appendRefusal appends a reply with its code. Where that cannot be one, the mail is put off.
func (v *Verdict) appendRefusal(b []byte) []byte {
	if v.Code < 400 || v.Code > 599 || v.Status == "" || v.Code/100 != int(v.Status[0]-'0') {
		return appendPacket(b, replyTemporary)
	}
	// A "%" begins a macro in Sendmail.
	line := strings.ReplaceAll(fmt.Sprintf("%d %s %s", v.Code, v.Status, oneLine(v.Text)), "%", "%%")
	return appendPacket(b, replyCode, []byte(line), []byte{0})
}

// oneLine keeps of a text what may stand in a reply.
func oneLine(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c >= 0x7f {
			return '?'
		}
		return c
	}, s)
	return s[:min(len(s), maxReply)]
}

// Nths are the fields of a message for which pick returns true.
func (m *Message) Nths(pick func(Field) bool) (list []Nth) {
	counts := make(map[string]int)
	for _, f := range m.Fields {
		name := strings.ToLower(f.Name)
		counts[name]++
		if pick(f) {
			list = append(list, Nth{f.Name, counts[name]})
		}
	}
	return list
}
