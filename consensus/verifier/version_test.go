package verifier

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"cairn/consensus"
	"cairn/consensus/record"
	"cairn/mailstore/message"
)

// A record that a newer Cairn made is none here, and it is not held against
// the mail: else whoever goes ahead would be sorted out by all others.
func TestLaterVersion(t *testing.T) {
	for name, later := range map[string]func(token *record.Token) []byte{
		"token version 3": func(token *record.Token) []byte { return withByte(token, 0, 3) },
		"flags":           func(token *record.Token) []byte { return withByte(token, 1, 0x80) },
		"record version":  func(token *record.Token) []byte { return withByte(token, 92, 3) },
		"an epoch": func(token *record.Token) []byte {
			token.Record.Epoch = 1
			return token.Encode()
		},
	} {
		t.Run(name, func(t *testing.T) {
			plain := letter("al@org3.example", "", text)
			field := func(w *world) []byte {
				b := later(w.token(2, w.draft(plain, ann)))
				return append([]byte("Cairn-Record: "+base64.RawURLEncoding.EncodeToString(b)+"\r\n"), plain...)
			}
			w := newWorld(t, setting{orgs: 3, pins: []int{2}, change: records(consensus.RecordsSome, 0, 2)})
			ref := w.arrive(field(w))
			w.expect(ref, "at arrival", record.Unrecorded, "inbox")
			if reasons := w.finding(ref).Reasons; len(reasons) != 1 || !strings.Contains(reasons[0], laterVersion) {
				t.Errorf("reasons %q", reasons)
			}
			found, err := w.v.Inspect(t.Context(), field(w), nil)
			if w.must(err); found.Verdict != record.Unrecorded {
				t.Errorf("inspected: %s", found.Verdict)
			}

			// Whoever declares to record all its mail is not forged with a 3
			// in place of a record; its own node needs none.
			w = newWorld(t, setting{orgs: 3, pins: []int{2}, change: records(consensus.RecordsAll, 0, 2)})
			ref = w.arrive(field(w))
			w.expect(ref, "of one who declares all", record.Missing, "spam")
			if reasons := w.finding(ref).Reasons; len(reasons) != 1 || !strings.Contains(reasons[0], laterVersion) {
				t.Errorf("reasons %q", reasons)
			}
			own := w.deliver(field(w), w.courier(2), ann)[0]
			w.expect(own.Ref, "brought by its own node", record.Unrecorded, "inbox")
		})
	}
}

func withByte(token *record.Token, at int, b byte) []byte {
	encoded := token.Encode()
	encoded[at] = b
	return encoded
}

// What was recorded as something else proves nothing about a mail, even with
// the same components.
func TestOtherKinds(t *testing.T) {
	w := newWorld(t, setting{pins: []int{0}})
	plain := letter(jo, "", text)
	for kind, reason := range map[record.Kind]string{record.KindDocument: "a document", record.KindReceipt: "a receipt"} {
		d := w.draft(plain, ann)
		d.Record.Kind = kind
		ref := w.arrive(append(w.token(0, d).Header(), plain...))
		w.expect(ref, reason, record.Invalid, "spam")
		if reasons := w.finding(ref).Reasons; !strings.Contains(reasons[0], reason) {
			t.Errorf("reasons %q do not speak of %s", reasons, reason)
		}
	}
}

// Records of version 1 are read for ever.
func TestVersion1(t *testing.T) {
	w := newWorld(t, setting{pins: []int{0}})
	plain := letter(jo, "", text)
	d := w.draft(plain, ann)
	d.Record.Version, d.Record.Commitments = 1, nil
	for _, c := range message.ComponentsV1(plain, []string{ann}) {
		d.Record.Commitments = append(d.Record.Commitments, commitV1(d.Secret, c))
	}
	token := w.token(0, d)
	token.Version = 1
	ref := w.arrive(append(token.Header(), plain...))
	w.include(0)
	if f := w.finding(ref); !f.Facts.Comparison.AllSame() || f.Facts.Inclusion != record.InclusionIncluded || !f.Facts.TokenValid {
		t.Errorf("facts %+v", f.Facts)
	}
	w.expect(ref, "in a block", record.Vouched, "inbox")
}

func commitV1(s record.Secret, c message.Component) record.Commitment {
	salt, digest := record.Salt(1, s, c.Type, c.Index), sha256.Sum256(c.Content())
	return record.Commitment{Type: c.Type, Index: c.Index, C: record.CommitTo(c.Type, c.Index, salt, digest)}
}
