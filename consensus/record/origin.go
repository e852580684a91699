package record

import (
	"crypto/sha256"
	"hash"
	"slices"
	"strconv"

	"cairn/consensus"
	"cairn/mailstore/message"
	"cairn/mailstore/message/grammar"
)

// origin is a message as the sender's side has it: commitments and tags, or contents.
type origin struct {
	parts []recorded
	// has reports whether that value was recorded under the label, hasLabel whether any was, and
	// count how many were.
	has      func(label string, value []byte) bool
	hasLabel func(label string) bool
	count    func(label string) int
	full     bool // there was no room for more hints
	budget   *budget
}

func originOf(t *Token) *origin {
	o := &origin{parts: make([]recorded, len(t.Record.Commitments))}
	salts := newSalter(t.Record.Version, t.Secret)
	for i, c := range t.Record.Commitments {
		o.parts[i] = recorded{
			version: t.Record.Version, kind: c.Type, index: c.Index,
			salt: salts.salt(c.Type, c.Index), commitment: c.C,
		}
	}
	o.full = len(t.Record.Tags) >= MaxTags
	tags := newTagger(t.Secret)
	o.has = func(label string, value []byte) bool { return t.Record.HasTag(tags.tag(label, value)) }
	o.hasLabel = func(label string) bool { return t.Record.HasLabel(tags.tag(label, nil)) }
	o.count = func(label string) int { return t.Record.CountLabel(tags.tag(label, nil)) }
	return o
}

// knownOrigin is the origin of a message at hand. Its trace is left out unless it is told by a
// token where that ends which was there when the message was sent.
func knownOrigin(d *message.Dissection, trace bool) *origin {
	o := &origin{}
	for _, c := range d.Components() {
		if !trace && isTrace(c.Type) {
			continue
		}
		o.parts = append(o.parts, recorded{
			version: RecordVersion, kind: c.Type, index: c.Index,
			known: true, reading: c.Reading, content: c.Content(), digest: c.Digest(),
		})
	}
	hints := d.Hints()
	o.full = len(hints) >= MaxTags
	o.has = func(label string, value []byte) bool {
		return slices.ContainsFunc(hints, func(h message.Hint) bool { return h.Label == label && string(h.Value) == string(value) })
	}
	o.hasLabel = func(label string) bool {
		return slices.ContainsFunc(hints, func(h message.Hint) bool { return h.Label == label })
	}
	o.count = func(label string) (n int) {
		for _, h := range hints {
			if h.Label == label {
				n++
			}
		}
		return n
	}
	return o
}

// threshold returns the least share that the sender asked for, in per cent; 0 if for none.
func (o *origin) threshold() int {
	if !o.hasLabel(message.HintShare) {
		return 0
	}
	for percent := 1; percent <= 100; percent++ {
		if o.has(message.HintShare, strconv.AppendInt(nil, int64(percent), 10)) {
			return percent
		}
	}
	return 0
}

// isTrace reports whether a component tells of the way of a message.
func isTrace(t message.Type) bool {
	return t == message.Route || t == message.OriginatingAddress || t == message.SMTPVersion
}

// of returns the recorded components of one type.
func (o *origin) of(t message.Type) []*recorded {
	var list []*recorded
	for i := range o.parts {
		if o.parts[i].kind == t {
			list = append(list, &o.parts[i])
		}
	}
	return list
}

// recorded is a component as the sender's side has it: its commitment, or its content.
type recorded struct {
	version uint8
	kind    message.Type
	index   uint16

	salt       [32]byte
	commitment consensus.Hash

	as      message.Reading // that is tried; 0: canonical
	known   bool
	reading message.Reading
	content []byte
	digest  [32]byte

	budget *budget // of the comparison; nil: no bound
}

// is reports whether a component with that digest is what was recorded.
func (r *recorded) is(digest [32]byte) bool {
	r.budget.tried()
	if r.known {
		return r.digest == digest
	}
	return CommitTo(r.kind, r.index, r.salt, digest) == r.commitment
}

// text reports whether contents of the type may have been recorded under a charset.
func (r *recorded) text() bool {
	return r.version > recordV1 && (r.kind == message.Text || r.kind == message.HTML || r.kind == message.Attachment)
}

// holds reports whether a is what was recorded. Text under another charset is so only if it arrives
// as UTF-8 or ASCII, which every program reads alike, and the charset was one of single octets that
// every program reads alike too: of East Asian ones programs have tables of their own, as Shift_JIS
// 0x8160 for U+301C or U+FF5E.
func (r *recorded) holds(a *arrival) bool {
	if r.is(a.digest) {
		return true
	}
	return r.cameAsUTF8(a) && r.budget.spend(a.Size()) && r.fitsLabels(r.begin(a.Content()), grammar.SingleLabels())
}

// transcoded reports whether a is what was recorded if the relay that made it UTF-8 had our tables.
func (r *recorded) transcoded(a *arrival) bool {
	return r.cameAsUTF8(a) && r.budget.spend(a.Size()) && r.fitsLabels(r.begin(a.Content()), grammar.Labels())
}

func (r *recorded) cameAsUTF8(a *arrival) bool {
	return r.text() && a.Reading == message.Canonical && a.Label == "" && hasHigh(a.Content())
}

// begin is the state of a digest over content, to which more can be written.
func (r *recorded) begin(content []byte) hash.Hash {
	state := sha256.New()
	if r.version > recordV1 {
		state.Write([]byte{byte(max(r.as, message.Canonical))})
	}
	state.Write(content)
	return state
}

// fits reports whether what was written to state is what was recorded, under whatever charset.
func (r *recorded) fits(state hash.Hash, labels []string) bool {
	return r.budget.spend(tryWork) && r.is(sum(state)) || r.text() && r.fitsLabels(state, labels)
}

func (r *recorded) fitsLabels(state hash.Hash, labels []string) bool {
	for _, label := range labels {
		if !r.budget.spend(tryWork) {
			return false
		}
		if r.is(sumWith(state, []byte("\x00"+label))) {
			return true
		}
	}
	return false
}

// isContent reports whether that canonical content is what was recorded, under one of labels or
// none.
func (r *recorded) isContent(content []byte, labels []string) bool {
	return r.budget.spend(len(content)) && r.fits(r.begin(content), labels)
}

// isRow reports whether the pieces in a row are the canonical content that was recorded.
func (r *recorded) isRow(pieces ...[]byte) bool {
	for _, piece := range pieces {
		if !r.budget.spend(len(piece)) {
			return false
		}
	}
	state := r.begin(nil)
	for _, piece := range pieces {
		state.Write(piece)
	}
	return r.fits(state, nil)
}

// labels are the charsets under which text that arrived as a may have been recorded: its own, or
// any if it came as UTF-8.
func (a *arrival) labels() []string {
	switch {
	case a.Label != "":
		return []string{a.Label}
	case hasHigh(a.readable()):
		return grammar.Labels()
	}
	return nil
}

func hasHigh(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return true
		}
	}
	return false
}
