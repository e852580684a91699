package mailstore

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// maxRefs is how many mails a fault names.
const maxRefs = 4

// names tells people whose something damaged is, as they name accounts and mail: at the end of its
// text, and empty where that is not known.
func (r *Reader) names(e *DamagedError) string {
	var refs []string
	more := 0
	add := func(a AccountID, id MessageID) {
		if len(refs) == maxRefs {
			more++
		} else if ref := r.ref(a, id); ref != "" {
			refs = append(refs, ref)
		}
	}
	if e.Account != 0 {
		add(e.Account, e.Message)
	} else if e.Table == TableBlob {
		r.users(e.Blob, add)
	}
	switch {
	case len(refs) == 0:
		return ""
	case more > 0:
		return fmt.Sprintf(" (%s and %d more)", strings.Join(refs, ", "), more)
	}
	return fmt.Sprintf(" (%s)", strings.Join(refs, ", "))
}

// users calls use for each message that is noted to have a text.
func (r *Reader) users(blob [32]byte, use func(AccountID, MessageID)) {
	prefix := blobUserKey(blob, []byte{'m'})
	r.src.walk(prefix, nil, func(key, _ []byte, _ *DamagedError) bool { // what cannot be read is named by nobody
		if user := key[len(prefix):]; len(user) == 12 {
			use(AccountID(binary.BigEndian.Uint32(user)), MessageID(binary.BigEndian.Uint64(user[4:])))
		}
		return true
	})
}

// ref is a mail, or an account where id is 0, as the command line names it.
func (r *Reader) ref(a AccountID, id MessageID) string {
	account, err := r.Account(a)
	switch {
	case err != nil:
		return ""
	case id == 0:
		return account.Name
	}
	return fmt.Sprintf("%s/%d", account.Name, id)
}
