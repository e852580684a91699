package cli

import (
	"slices"
	"strings"

	"cairn/mailstore/message"
	"cairn/node/api"
)

// telling are fields of which every mail has one or another. Many texts begin with a line that
// looks like some field.
var telling = []string{"From", "To", "Cc", "Date", "Subject", "Message-ID", "Received", "Return-Path", message.TokenHeader}

// checkMail tells of a file that is no mail at all. What is odd about one is for its verdict to
// say.
func checkMail(file string, raw []byte) error {
	for _, f := range message.ParseHeader(raw).Fields() {
		if slices.ContainsFunc(telling, func(name string) bool { return strings.EqualFold(name, f.Name) }) {
			return nil
		}
	}
	if file == "-" {
		file = "standard input"
	}
	why := "it is no mail: it does not begin with fields such as From, Date or Subject"
	if len(raw) == 0 {
		why = "it is empty"
	}
	return api.Errorf(api.CodeInvalid, "give a whole message, with its header", "reading %s: %s", file, why)
}
