package rawheader

import (
	"slices"
	"unicode/utf8"
)

// IsASCII reports whether octets are ASCII alone.
func IsASCII(b []byte) bool {
	return !slices.ContainsFunc(b, func(c byte) bool { return c >= utf8.RuneSelf })
}
