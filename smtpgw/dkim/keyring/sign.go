package keyring

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cairn/smtpgw/dkim"
)

// once are fields that may stand once and that readers act upon, also those that say how to read
// the text. One more of them than there are is signed, be there none: who puts another in front,
// which many readers go by, breaks the signature (RFC 6376, section 8.15).
var once = []string{
	"From", "Sender", "Reply-To", "To", "Cc", "Subject", "Date", "Message-ID", "In-Reply-To", "References",
	"MIME-Version", "Content-Type", "Content-Transfer-Encoding", "Content-Disposition",
}

// signed are fields of which each that is there is signed. Those of mailing lists are, since
// List-Unsubscribe-Post has to be (RFC 8058, section 4). Fields that servers on the way put on top,
// as Received, are not.
var signed = []string{
	"Content-ID", "Content-Description", "Content-Language", "Auto-Submitted",
	"List-Id", "List-Help", "List-Post", "List-Unsubscribe", "List-Unsubscribe-Post", "Cairn-Record",
}

// Sign returns the DKIM-Signature fields, each with its CRLF, that these keys of one domain make
// for a message with lines in CRLF. It comes in pieces, one behind the other, each of whole lines.
// Fields and text may be folded and spaced anew on their way (relaxed, RFC 6376, sections 3.4.2 and
// 3.4.4).
func Sign(keys []Key, now time.Time, message ...[]byte) ([]byte, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	m := dkim.Split(message...)
	if len(m.Named("from")) == 0 {
		return nil, errors.New("it has no From field, which is always signed (RFC 6376, section 5.4)")
	}
	names := fieldsToSign(m)
	var out []byte
	for _, k := range keys {
		f, err := m.Sign("DKIM-Signature: v=1", names, dkim.SigningKey{Domain: k.Domain, Selector: k.Selector, Signer: k.Signer}, now)
		if err != nil {
			return nil, fmt.Errorf("sign by %s: %w", k.Name(), err)
		}
		out = slices.Concat(f.Raw, []byte("\r\n"), out)
	}
	return out, nil
}

// fieldsToSign are the names for h= (RFC 6376, section 5.4.2), by how many fields of each there
// are.
func fieldsToSign(m *dkim.Message) (names []string) {
	add := func(name string, more int) {
		for range min(len(m.Named(strings.ToLower(name)))+more, dkim.MaxSigned) {
			names = append(names, name)
		}
	}
	for _, name := range once {
		add(name, 1)
	}
	for _, name := range signed {
		add(name, 0)
	}
	return names
}
