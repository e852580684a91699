package smtpgw

import (
	"bytes"
	"slices"
	"strings"

	"github.com/emersion/go-message/mail"

	"cairn/mailstore/message"
)

// group is the recipients that share a queue entry, and so a record.
type group struct {
	domain     string
	recipients []string
}

// groupRecipients sorts envelope recipients into queue entries: by domain, at
// most message.MaxRecipients each; and each recipient whom the header does not
// name (Bcc) alone. Only when two recipients share a domain does the header
// have to be read.
func groupRecipients(raw []byte, rcpts []string) []group {
	byDomain := make(map[string][]string)
	for _, r := range rcpts {
		d := domainOf(r)
		if !slices.Contains(byDomain[d], r) {
			byDomain[d] = append(byDomain[d], r)
		}
	}
	var named map[string]bool
	var out []group
	for _, r := range rcpts {
		d := domainOf(r)
		all := byDomain[d]
		delete(byDomain, d)
		if len(all) > 1 && named == nil {
			named = namedRecipients(raw)
		}
		var shown []string
		for _, r := range all {
			if len(all) == 1 || named[addressKey(r)] {
				shown = append(shown, r)
			} else {
				out = append(out, group{d, []string{r}})
			}
		}
		for chunk := range slices.Chunk(shown, message.MaxRecipients) {
			out = append(out, group{d, chunk})
		}
	}
	return out
}

// namedRecipients returns the addresses in To and Cc, as keys. An address list
// that cannot be read names nobody: its recipients are kept apart, which is
// never wrong.
func namedRecipients(raw []byte) map[string]bool {
	named := make(map[string]bool)
	header, _ := splitHeader(raw)
	for f := range fieldsOf(header) {
		if !f.is("to") && !f.is("cc") {
			continue
		}
		list, err := mail.ParseAddressList(strings.TrimSpace(string(bytes.ReplaceAll([]byte(f.value()), []byte("\r\n"), nil))))
		if err != nil {
			continue
		}
		for _, a := range list {
			named[addressKey(a.Address)] = true
		}
	}
	return named
}

// addressKey is an address without regard to case and form of the domain.
func addressKey(addr string) string {
	at := strings.LastIndexByte(addr, '@')
	if at < 0 {
		return strings.ToLower(addr)
	}
	domain, err := canonicalDomain(addr[at+1:])
	if err != nil {
		domain = addr[at+1:]
	}
	return strings.ToLower(addr[:at] + "@" + domain)
}
