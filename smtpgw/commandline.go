package smtpgw

import (
	"bytes"
	"strings"

	"cairn/smtpgw/address"
)

// argument says what stands behind a command (RFC 5321, section 4.1.1).
type argument uint8

const (
	argNone argument = iota
	argAny
	argHost // a name
	argSome // whatever, but something
	argPath // and parameters
)

// commands are those that go-smtp gets to see. It takes others for its own mistakes, of which it
// ends the session at the fourth.
var commands = map[string]argument{
	"EHLO": argHost, "HELO": argHost, "MAIL": argPath, "RCPT": argPath, "DATA": argNone, "BDAT": argAny, "RSET": argNone,
	"NOOP": argAny, "QUIT": argNone, "VRFY": argSome,
	"STARTTLS": argAny, "AUTH": argAny, "EXPN": argAny, "HELP": argAny, "SEND": argAny, "SOML": argAny, "SAML": argAny, "TURN": argAny, // 502
}

// parameters are those of MAIL (section 4.1.1.11) that go with an extension which is offered.
var parameters = map[string]bool{"SIZE": true, "BODY": true, "SMTPUTF8": true}

// dsnParameters are those of the extension DSN (RFC 3461, section 4), which submission offers.
var dsnParameters = map[string]map[string]bool{
	"MAIL": {"RET": true, "ENVID": true}, "RCPT": {"NOTIFY": true, "ORCPT": true},
}

// splitCommand returns the verb of a command line, in capitals, and what stands behind it. Blanks
// in front of the CRLF mean nothing (section 4.1.1).
func splitCommand(line []byte) (verb, arg string) {
	text := string(bytes.TrimRight(line, " \t\r\n"))
	verb, arg, _ = strings.Cut(text, " ")
	return strings.ToUpper(verb), strings.TrimLeft(arg, " ")
}

// faultOf is the reply, where DSN and REQUIRETLS are offered or not, to a command line that go-smtp
// would answer otherwise than RFC 5321 wants; empty: there is none.
func faultOf(verb, arg string, dsn, requireTLS bool) string {
	kind, known := commands[verb]
	switch {
	case !known:
		return "500 5.5.2 this command is not known here (RFC 5321, section 4.1.1)"
	case kind == argNone && arg != "":
		return "501 5.5.4 nothing may stand behind this command (RFC 5321, section 4.1.1)"
	case kind == argHost && arg == "": // without a status (RFC 2034, section 4)
		return "501 the name of the host that speaks has to stand behind this command (RFC 5321, section 4.1.1.1)"
	case kind == argSome && arg == "":
		return "501 5.5.4 something has to stand behind this command (RFC 5321, section 4.1.1)"
	case kind == argPath:
		return pathFault(verb, arg, dsn, requireTLS)
	}
	return ""
}

// pathFault is faultOf of MAIL and RCPT. What else the path is, go-smtp judges.
func pathFault(verb, arg string, dsn, requireTLS bool) string {
	path, rest := cutPath(arg)
	if fault := addressFault(verb, path); fault != "" {
		return fault
	}
	if rest != "" && rest[0] != ' ' {
		return "501 5.5.4 a blank has to stand between the path and what follows (RFC 5321, section 4.1.2)"
	}
	seen := make(map[string]bool)
	for param := range strings.FieldsSeq(rest) {
		key, value, valued := strings.Cut(param, "=")
		key = strings.ToUpper(key)
		switch {
		case dsn && dsnParameters[verb][key]:
			switch {
			case value == "":
				return "501 5.5.4 a parameter lacks its value, or has one and takes none"
			case seen[key]:
				return "501 5.5.4 a parameter stands there twice"
			}
		case verb != "MAIL" || !parameters[key] && !(requireTLS && key == "REQUIRETLS") || strings.EqualFold(param, "BODY=BINARYMIME"): // RFC 3030, section 3
			return "555 5.5.4 this parameter is not known here, or is one of an extension that is not offered (RFC 5321, section 4.1.1.11)"
		case seen[key]:
			return "501 5.5.4 a parameter stands there twice"
		case valued == (key == "SMTPUTF8" || key == "REQUIRETLS"):
			return "501 5.5.4 a parameter lacks its value, or has one and takes none"
		}
		seen[key] = true
	}
	return ""
}

// addressFault is the reply to an address that go-smtp would call a mistake in the command: one
// without a domain, unless it is the postmaster's, and one with what may stand in quotes only.
func addressFault(verb, path string) string {
	at := strings.LastIndexByte(path, '@')
	switch {
	case path == "":
		return ""
	case at < 0 && verb == "RCPT" && strings.EqualFold(path, "postmaster"):
		return ""
	case at < 0:
		return address.NoDomain.Error()
	case path[0] != '"' && path[0] != '@' && strings.ContainsAny(path[:at], ` ()<>[]:;@\,"`):
		return address.BadLocalPart.Error()
	}
	return ""
}

// cutPath returns the address in the argument of MAIL or RCPT, and what stands behind its path. One
// without brackets ends at a blank.
func cutPath(arg string) (path, rest string) {
	_, path, _ = strings.Cut(arg, ":")
	path = strings.TrimLeft(path, " ")
	bracketed, quoted := strings.HasPrefix(path, "<"), false
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case bracketed && c == '>':
			return path[1:i], path[i+1:]
		case !bracketed && c == ' ':
			return path[:i], path[i:]
		}
	}
	return strings.TrimPrefix(path, "<"), ""
}
