package dkim

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/emersion/go-msgauth/dkim"
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

// maxSigned bounds how often one of a field is signed.
const maxSigned = 16

// Sign returns the DKIM-Signature fields, each with its CRLF, that these keys of one domain make
// for a message with lines in CRLF. It comes in pieces, one behind the other. Fields and text may
// be folded and spaced anew on their way (relaxed, RFC 6376, sections 3.4.2 and 3.4.4).
func Sign(keys []Key, message ...[]byte) ([]byte, error) {
	for _, piece := range message {
		if len(piece) > 0 {
			if piece[0] == ' ' || piece[0] == '\t' {
				return nil, errors.New("sign: the message begins with a folded line, which would go on with the signature")
			}
			break
		}
	}
	var out []byte
	there, ended := countFields(message)
	if !ended { // it is all header, and who reads it finds an empty body
		message = append(slices.Clone(message), []byte("\r\n"))
	}
	names := fieldsToSign(there)
	for _, k := range keys {
		one, err := signOnce(&k, names, message)
		if err != nil {
			return nil, fmt.Errorf("sign by %s: %w", k.Name(), err)
		}
		out = append(one, out...)
	}
	return out, nil
}

func signOnce(k *Key, names []string, message [][]byte) ([]byte, error) {
	s, err := dkim.NewSigner(&dkim.SignOptions{
		Domain: k.Domain, Selector: k.Selector, Signer: k.Signer, HeaderKeys: names,
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
	})
	if err != nil {
		return nil, err
	}
	for _, piece := range message {
		if _, err := s.Write(piece); err != nil {
			s.Close() // its error is this one
			return nil, err
		}
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	return []byte(s.Signature()), nil
}

// fieldsToSign are the names for h= (RFC 6376, section 5.4.2), by how many fields of each there
// are.
func fieldsToSign(there map[string]int) (names []string) {
	add := func(name string, n int) {
		for range min(n, maxSigned) {
			names = append(names, name)
		}
	}
	for _, name := range once {
		add(name, there[strings.ToLower(name)]+1)
	}
	for _, name := range signed {
		add(name, there[strings.ToLower(name)])
	}
	return names
}

// countFields counts the fields of a message by their names in lower case. ended says that there is
// an empty line behind them.
func countFields(message [][]byte) (there map[string]int, ended bool) {
	there = make(map[string]int)
	for _, piece := range message {
		for len(piece) > 0 {
			line, rest, _ := bytes.Cut(piece, []byte("\r\n"))
			if len(line) == 0 {
				return there, true
			}
			if name, _, found := bytes.Cut(line, []byte(":")); found && line[0] != ' ' && line[0] != '\t' {
				there[strings.ToLower(string(bytes.TrimRight(name, " \t")))]++
			}
			piece = rest
		}
	}
	return there, false
}
