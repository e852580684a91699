package verifier

import "cairn/consensus/record"

// opened is a message with what its header says, read once.
type opened struct {
	raw     []byte
	header  *record.Header
	present bool            // there is a Cairn-Record field
	tokens  []*record.Token // as record.Tokens returns them
	fault   error           // of the topmost field, without a token then; one further down is not that record's
}

func (v *Verifier) open(raw []byte) *opened {
	o := &opened{raw: raw, header: record.ReadHeader(raw, v.cfg().Context.Map)}
	var err error
	o.tokens, err = record.Tokens(raw)
	if len(o.tokens) == 0 {
		o.fault = err
	}
	o.present = len(o.tokens) > 0 || err != nil
	return o
}
