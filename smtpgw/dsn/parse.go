// Package dsn reads and writes delivery status notifications: what a server reports of mail that it
// took (RFC 3464, and RFC 6533 for addresses beyond ASCII).
package dsn

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds on what is read of a message, which a stranger has written.
const (
	maxRead       = 1 << 20 // octets of the message
	maxParts      = 8       // of its multipart, up to the status
	maxStatus     = 64 << 10
	MaxRecipients = 100
	maxValue      = 1000 // octets that are kept of a field
)

// Report is what one notification says.
type Report struct {
	By         string // Reporting-MTA (section 2.2.2); empty: it does not say
	Recipients []Recipient
}

// Recipient is what is said of one recipient. Values are one line each, of at most maxValue octets.
type Recipient struct {
	Original   string // address of Original-Recipient (section 2.3.1); empty: none that mail has
	Final      string // the same of Final-Recipient (section 2.3.2)
	Action     string // failed, delayed, delivered, relayed or expanded (section 2.3.3)
	Status     string // RFC 3463
	Diagnostic string // what the server said that it comes from, of type smtp (section 2.3.6)
}

// Errors of Parse.
var (
	// ErrNone: the message is no such notification.
	ErrNone = errors.New("no delivery status notification")
	// ErrBounds: it is larger than what is read of one.
	ErrBounds = errors.New("delivery status notification beyond bounds")
)

var (
	actions = []string{"failed", "delayed", "delivered", "relayed", "expanded"}
	status  = regexp.MustCompile(`^[245]\.[0-9]{1,3}\.[0-9]{1,3}`)
)

// Parse reads a message, ErrNone or ErrBounds. Recipients of whom it does not say in the terms of
// the RFC what happened are left out.
func Parse(raw []byte) (*Report, error) {
	m, err := mail.ReadMessage(bytes.NewReader(raw[:min(len(raw), maxRead)]))
	if err != nil {
		return nil, ErrNone
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	isReport := kind == "multipart/report" && strings.EqualFold(params["report-type"], "delivery-status")
	if err != nil || !isReport && kind != "multipart/mixed" || params["boundary"] == "" { // OpenSMTPD writes mixed
		return nil, ErrNone
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for range maxParts {
		p, err := parts.NextRawPart()
		if err != nil {
			return nil, ErrNone
		}
		kind, _, err := mime.ParseMediaType(p.Header.Get("Content-Type"))
		if err == nil && (kind == "message/delivery-status" || kind == "message/global-delivery-status") {
			text, err := io.ReadAll(io.LimitReader(decoded(p), maxStatus+1))
			if err != nil {
				return nil, ErrNone
			}
			return parseStatus(text)
		}
	}
	if !isReport {
		return nil, ErrNone
	}
	return nil, ErrBounds
}

// decoded is the text of a part.
func decoded(p *multipart.Part) io.Reader {
	switch strings.ToLower(strings.TrimSpace(p.Header.Get("Content-Transfer-Encoding"))) {
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, p)
	case "quoted-printable":
		return quotedprintable.NewReader(p)
	}
	return p
}

// parseStatus reads the part for programs: groups of fields with empty lines between them, of the
// message first and then of each recipient (section 2.1).
func parseStatus(text []byte) (*Report, error) {
	if len(text) > maxStatus {
		return nil, ErrBounds
	}
	var r Report
	groups := groupsOf(string(text))
	if len(groups) == 0 {
		return nil, ErrNone
	}
	r.By = afterType(groups[0]["reporting-mta"], "dns")
	for _, g := range groups[1:] {
		if len(r.Recipients) == MaxRecipients {
			return nil, ErrBounds
		}
		to := Recipient{
			Original: addressIn(g["original-recipient"]), Final: addressIn(g["final-recipient"]),
			Action: strings.ToLower(g["action"]), Status: status.FindString(g["status"]),
			Diagnostic: afterType(g["diagnostic-code"], "smtp"),
		}
		if slices.Contains(actions, to.Action) && to.Status != "" && to.Original+to.Final != "" {
			r.Recipients = append(r.Recipients, to)
		}
	}
	return &r, nil
}

// groupsOf are the fields of each group by name in lower case, unfolded. Of several of one name the
// first counts.
func groupsOf(text string) (groups []map[string]string) {
	var fields map[string]string
	name, value := "", ""
	end := func() {
		if _, again := fields[name]; name != "" && !again {
			if fields == nil {
				fields = make(map[string]string)
				groups = append(groups, fields)
			}
			fields[name] = oneLine(value)
		}
		name = ""
	}
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSuffix(line, "\r")
		switch {
		case strings.TrimSpace(line) == "":
			end()
			fields = nil
		case line[0] == ' ' || line[0] == '\t':
			value += line
		default:
			end()
			var found bool
			if name, value, found = strings.Cut(line, ":"); !found {
				name = ""
			}
			name = strings.ToLower(strings.TrimSpace(name))
		}
	}
	end()
	return groups
}

// oneLine bounds a value and leaves no control characters in it.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return ' '
		}
		return r
	}, s)
	return strings.TrimSpace(strings.ToValidUTF8(s[:min(len(s), maxValue)], ""))
}

// afterType is the value behind its type, where it is of that one.
func afterType(s, want string) string {
	kind, value, found := strings.Cut(s, ";")
	if !found || !strings.EqualFold(strings.TrimSpace(kind), want) {
		return ""
	}
	return strings.TrimSpace(value)
}

// addressIn is that of a field, with or without the brackets that some put there.
func addressIn(s string) string {
	a := afterType(s, "rfc822")
	if a == "" {
		a = afterType(s, "utf-8")
	}
	return strings.TrimSuffix(strings.TrimPrefix(a, "<"), ">")
}
