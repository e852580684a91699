package outbox

import (
	"slices"

	"cairn/mailstore/message"
	"cairn/mailstore/message/maildomain"
)

// Group is the recipients that share a queue entry, and so a record.
type Group struct {
	Domain     string
	Recipients []string
}

// groupRecipients sorts envelope recipients into queue entries: by domain, at
// most message.MaxRecipients each; and each recipient whom the header does not
// name (Bcc) alone. Only when two recipients share a domain does the header
// have to be read.
func groupRecipients(raw []byte, rcpts []string) []Group {
	byDomain := make(map[string][]string)
	for _, r := range rcpts {
		d := maildomain.OfAddress(r)
		if !slices.Contains(byDomain[d], r) {
			byDomain[d] = append(byDomain[d], r)
		}
	}
	var named map[string]bool
	var out []Group
	for _, r := range rcpts {
		d := maildomain.OfAddress(r)
		all := byDomain[d]
		delete(byDomain, d)
		if len(all) > 1 && named == nil {
			named = namedRecipients(raw)
		}
		var shown []string
		for _, r := range all {
			if len(all) == 1 || named[maildomain.AddressKey(r)] {
				shown = append(shown, r)
			} else {
				out = append(out, Group{d, []string{r}})
			}
		}
		for chunk := range slices.Chunk(shown, message.MaxRecipients) {
			out = append(out, Group{d, chunk})
		}
	}
	return out
}

// namedRecipients returns the addresses in To and Cc, as keys. They are read
// as the record reads them, so that a recipient is named to others by a record
// exactly if the header of the mail names him to them.
func namedRecipients(raw []byte) map[string]bool {
	named := make(map[string]bool)
	m := message.ParseHeader(raw)
	for _, a := range slices.Concat(m.To, m.Cc) {
		named[maildomain.AddressKey(a.Addr)] = true
	}
	return named
}
