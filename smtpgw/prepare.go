package smtpgw

import (
	"bytes"
	"fmt"
	"time"

	"cairn/consensus/record"
	"cairn/mailstore/message"
	"cairn/smtpgw/authres"
)

// maxReceived is the number of Received fields at which a message is taken to
// go in circles (RFC 5321, section 6.3).
const maxReceived = 100

// prepare turns a submitted message into the one that is stored and sent:
//
//   - Bcc fields are removed, and with them who was not to be named;
//   - so are Authentication-Results that claim to be ours, and Cairn-Record
//     fields but those that the record, which will be ours, can refer to: of a
//     message that is sent on, the topmost record.MaxHops that are tokens;
//   - Received is put on top, and a Date and a Message-ID if there is none
//     (RFC 6409, sections 8.2 and 8.3).
//
// All other bytes stay as they are. A message must have exactly one From
// field; an error is the reply for the submitter.
func prepare(raw, received []byte, hostname, ref string, now time.Time) ([]byte, error) {
	header, rest := splitHeader(raw)
	switch n := count(header, "from"); {
	case n == 0:
		return nil, replyf(554, 5, 6, 0, "message has no From field; exactly one is needed (RFC 5322, section 3.6)")
	case n > 1:
		return nil, replyf(554, 5, 6, 0, "message has %d From fields; exactly one is allowed (RFC 5322, section 3.6)", n)
	}
	if err := checkLoop(header); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.Grow(len(raw) + len(received) + 128)
	out.Write(received)
	if count(header, "date") == 0 {
		fmt.Fprintf(&out, "Date: %s\r\n", now.Format(mailDate))
	}
	if count(header, "message-id") == 0 {
		fmt.Fprintf(&out, "Message-ID: <%s@%s>\r\n", ref, hostname)
	}
	hops := 0
	for f := range fieldsOf(header) {
		switch {
		case f.is("bcc"), f.is("resent-bcc"):
		case f.is(message.TokenHeader):
			if hops < record.MaxHops && isToken(f) {
				out.Write(f.raw)
				hops++
			}
		case f.is("authentication-results"):
			if !authres.Bears(f.value(), hostname) {
				out.Write(f.raw)
			}
		default:
			out.Write(f.raw)
		}
	}
	out.Write(rest)
	return out.Bytes(), nil
}

// isToken reports whether a field has the form of a token. Whether it proves
// anything is for those who get the message to find out.
func isToken(f field) bool {
	_, found, err := record.FindToken(f.raw)
	return found && err == nil
}

// withTrace turns a message that arrived into the one that is stored: trace on
// top, Authentication-Results that claim to be ours removed (RFC 8601, section
// 5), all other bytes as they are.
func withTrace(raw, trace []byte, hostname string) []byte {
	header, rest := splitHeader(raw)
	var out bytes.Buffer
	out.Grow(len(trace) + len(raw))
	out.Write(trace)
	for f := range fieldsOf(header) {
		if !f.is("authentication-results") || !authres.Bears(f.value(), hostname) {
			out.Write(f.raw)
		}
	}
	out.Write(rest)
	return out.Bytes()
}

// checkLoop refuses a message that has been through too many hosts.
func checkLoop(header []byte) error {
	if count(header, "received") >= maxReceived {
		return replyf(554, 5, 4, 6, "message has %d Received fields or more: it goes in circles", maxReceived)
	}
	return nil
}
