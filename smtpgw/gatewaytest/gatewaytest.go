// Package gatewaytest has what the tests of the gateway's packages share.
package gatewaytest

import (
	"bytes"
	"regexp"
	"time"

	"cairn/consensus/record"
	"cairn/mailstore/message"
	"cairn/smtpgw/rawheader"
)

// Moment is a time of day for tests that need none in particular.
var Moment = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

var wellFormed = regexp.MustCompile(`(?s)^([!-9;-~]+:[^\r]*\r\n([ \t]+[^ \t\r][^\r]*\r\n)*)*\r\n$`)

// IsWellFormed reports whether a message has a header, and ends it, in the letter of RFC 5322.
func IsWellFormed(raw []byte) bool { return wellFormed.Match(headerAndEmptyLine(raw)) }

func headerAndEmptyLine(raw []byte) []byte {
	header, rest := rawheader.Split(raw)
	if len(rest) == 0 {
		return append(bytes.Clone(header), "\r\n"...)
	}
	return append(bytes.Clone(header), rest[:2]...)
}

// Token is a field that has the form of a token; n tells it from others.
func Token(n byte) string {
	t := record.Token{Version: record.TokenVersion, Seq: 1, Count: 1, Secret: record.Secret{n}}
	t.Record.Version, t.Record.Kind = record.RecordVersion, record.KindMail
	t.Record.Commitments = record.Commit(t.Secret, message.Dissect([]byte("From: a@b.example\r\n\r\n"), nil).Components())
	return string(t.Header())
}
