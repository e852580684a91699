package outbox

import (
	"encoding/binary"
	"slices"
)

// Notify is of what the sender of a message wants to be told about a recipient (RFC 3461, section
// 4.1).
type Notify uint8

// What NOTIFY lists. Zero is that nothing was asked: of failures and delays he is told.
const (
	NotifyNever Notify = 1 << iota
	NotifySuccess
	NotifyFailure
	NotifyDelay

	notifyAll = NotifyNever | NotifySuccess | NotifyFailure | NotifyDelay
)

// Asked is what a sender asked about a recipient.
type Asked struct {
	Recipient string // as in Entry.Recipients
	Notify    Notify
	Original  string // of ORCPT, with its type, decoded: "rfc822;a@b.example"; empty: none
}

// DSN is what a sender asked about the reports on a message (RFC 3461); zero is nothing.
type DSN struct {
	Full  bool    // RET=FULL: a report on a failure has the whole message
	HDRS  bool    // RET=HDRS
	EnvID string  // of ENVID, decoded
	Asked []Asked // of those recipients about whom something was asked
}

// isZero reports whether nothing was asked.
func (d *DSN) isZero() bool { return !d.Full && !d.HDRS && d.EnvID == "" && len(d.Asked) == 0 }

// Of returns what was asked about a recipient.
func (d *DSN) Of(rcpt string) Asked {
	i := slices.IndexFunc(d.Asked, func(a Asked) bool { return a.Recipient == rcpt })
	if i < 0 {
		return Asked{Recipient: rcpt}
	}
	return d.Asked[i]
}

// Wants reports whether the sender is to be told of something about a recipient.
func (d *DSN) Wants(rcpt string, what Notify) bool {
	asked := d.Of(rcpt).Notify
	if asked == 0 {
		return what == NotifyFailure || what == NotifyDelay
	}
	return asked&what != 0
}

// about is d for some recipients.
func (d *DSN) about(rcpts []string) DSN {
	out := *d
	out.Asked = nil
	for _, a := range d.Asked {
		if slices.Contains(rcpts, a.Recipient) {
			out.Asked = append(out.Asked, a)
		}
	}
	return out
}

// appendDSN adds RET as 0, 1 (FULL) or 2 (HDRS), ENVID, and for each recipient about whom something
// was asked its address, the bits of NOTIFY and ORCPT.
func appendDSN(b []byte, d *DSN) []byte {
	var ret byte
	switch {
	case d.Full:
		ret = 1
	case d.HDRS:
		ret = 2
	}
	b = append(b, ret)
	b = appendString(b, d.EnvID)
	b = binary.AppendUvarint(b, uint64(len(d.Asked)))
	for _, a := range d.Asked {
		b = append(appendString(b, a.Recipient), byte(a.Notify))
		b = appendString(b, a.Original)
	}
	return b
}

func (d *decoder) dsn() (out DSN) {
	ret := d.uint(2)
	out.Full, out.HDRS = ret == 1, ret == 2
	out.EnvID = d.string()
	for range d.count() {
		out.Asked = append(out.Asked, Asked{d.string(), Notify(d.uint(uint64(notifyAll))), d.string()})
	}
	return out
}
