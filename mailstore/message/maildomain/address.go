package maildomain

import "strings"

// OfAddress returns what follows the last "@" of a mail address.
func OfAddress(addr string) string { return addr[strings.LastIndexByte(addr, '@')+1:] }

// AddressKey returns the form in which mail addresses are compared: local parts without regard to
// case, the domain canonical. A local part that needs its quotes may have them, as in a header.
func AddressKey(addr string) string {
	at := strings.LastIndexByte(addr, '@')
	if at < 0 {
		return strings.ToLower(addr)
	}
	local := addr[:at]
	if n := len(local); n >= 2 && local[0] == '"' && local[n-1] == '"' {
		local = Unquoted(local[1 : n-1])
	}
	return strings.ToLower(local) + "@" + Canonical(addr[at+1:])
}

// Unquoted resolves the quoted pairs within a quoted string.
func Unquoted(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
