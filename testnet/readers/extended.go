package readers

import (
	"net/url"
	"strings"

	"golang.org/x/text/encoding/htmlindex"
)

// extended decodes charset'language'percent-encoded (RFC 8187, section 3.2.1) as a client does.
func extended(s string) string {
	charset, rest, ok := strings.Cut(s, "'")
	if !ok {
		return s
	}
	_, encoded, ok := strings.Cut(rest, "'")
	if !ok {
		return s
	}
	octets, err := url.PathUnescape(encoded)
	if err != nil {
		return s
	}
	if e, err := htmlindex.Get(charset); err == nil {
		if decoded, err := e.NewDecoder().String(octets); err == nil {
			octets = decoded
		}
	}
	return strings.ToValidUTF8(octets, "\ufffd")
}
