package authres

import (
	"strings"

	"github.com/emersion/go-msgauth/authres"
)

// Method is the authentication method whose results Cairn reports: the
// comparison of a message with its record on the chain.
const Method = "x-cairn"

// Field returns a whole header field, CRLF included, that reports result
// (pass, policy, neutral, fail or none) and its reason under authservID.
func Field(authservID, result, reason string) []byte {
	value := authres.Format(authservID, []authres.Result{&authres.GenericResult{
		Method: Method,
		Value:  authres.ResultValue(clean(result)),
		Params: map[string]string{"reason": clean(reason)},
	}})
	// Folded after the authserv-id, where RFC 8601 has [CFWS].
	value = strings.Replace(value, "; ", ";\r\n\t", 1)
	return []byte("Authentication-Results: " + strings.TrimRight(value, " ") + "\r\n")
}

// clean drops what could end the field or the quoted string it is put into.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '"' || r == '\\' {
			return -1
		}
		return r
	}, s)
}

// Bears reports whether the value of an Authentication-Results field, folded
// or not, claims to come from authservID. Comments and quoting do not hide it.
func Bears(value, authservID string) bool {
	return strings.EqualFold(strings.TrimSuffix(identity(value), "."), authservID)
}

// identity returns the authserv-id of a field value (RFC 8601, section 2.2):
// the first token or quoted string that is not in a comment.
func identity(value string) string {
	var id strings.Builder
	depth := 0 // of comments
	quoted := false
	for i := 0; i < len(value); i++ {
		c := value[i]
		switch {
		case c == '\\' && (quoted || depth > 0) && i+1 < len(value):
			i++
			if quoted {
				id.WriteByte(value[i])
			}
		case quoted:
			if c == '"' {
				return id.String()
			}
			id.WriteByte(c)
		case c == '(':
			if depth == 0 && id.Len() > 0 {
				return id.String()
			}
			depth++
		case depth > 0:
			if c == ')' {
				depth--
			}
		case c == '"' && id.Len() == 0:
			quoted = true
		case c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ';':
			if id.Len() > 0 || c == ';' {
				return id.String()
			}
		default:
			id.WriteByte(c)
		}
	}
	return id.String()
}
