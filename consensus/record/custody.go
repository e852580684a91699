package record

import (
	"errors"
	"fmt"
	"slices"

	"cairn/mailstore/message"
)

// MaxHops is how many earlier tokens a message keeps below its newest one. Of
// more, the oldest are dropped, and with them the way back to the original.
const MaxHops = 8

// Hop is one record of a message that was sent on. What a node says that it
// changed itself would be told here, once nodes say so.
type Hop struct {
	Token *Token
}

// ErrCustody is wrapped by every error about the links between the tokens of a
// message.
var ErrCustody = errors.New("chain of custody is broken")

// Custody checks the links between the tokens of a message, given from the top
// as Tokens returns them: each but the last commits to the one below it and to
// how many there are, the last to none, and all are signed and of one network.
// It returns the hops that hold together, the newest first; without an error
// the last of them is the original. Who the recorders are is the chain's to
// say, and whether the original is still there is Compare's.
//
// An error wraps ErrCustody. It says nothing against the topmost record: what
// stands below it somebody else may have put there.
func Custody(tokens []*Token) (hops []Hop, err error) {
	if len(tokens) > 1+MaxHops {
		return nil, fmt.Errorf("%w: %d records, at most %d make sense", ErrCustody, len(tokens), 1+MaxHops)
	}
	for i, t := range tokens {
		switch {
		case t.ChainID != tokens[0].ChainID:
			return hops, fmt.Errorf("%w: record %d from the top is of another network, %s", ErrCustody, i+1, t.ChainID)
		case !t.VerifySignature():
			return hops, fmt.Errorf("%w: path or signature of record %d from the top is wrong", ErrCustody, i+1)
		}
		hops = append(hops, Hop{Token: t})
		if err := checkLink(t, tokens[i+1:]); err != nil {
			return hops, fmt.Errorf("%w: record %d from the top %w", ErrCustody, i+1, err)
		}
	}
	return hops, nil
}

// checkLink holds that t commits to the tokens below it, and to nothing if
// there are none.
func checkLink(t *Token, below []*Token) error {
	at := slices.IndexFunc(t.Record.Commitments, func(c Commitment) bool { return c.Type == message.Custody })
	sentOn := len(below) > 0
	switch {
	case at < 0 && sentOn:
		return errors.New("does not refer to the one below it")
	case at >= 0 && !sentOn:
		return errors.New("refers to one that is not there")
	case at >= 0 && !t.fits(t.Record.Commitments[at], custodyOf(below)):
		return errors.New("refers to another one than that below it, or to more or fewer in all")
	}
	return nil
}

// fits reports whether c commits to component.
func (t *Token) fits(c Commitment, component message.Component) bool {
	if t.Record.Version == recordV1 {
		component.Reading = message.ReadingV1
	}
	salt := Salt(t.Record.Version, t.Secret, c.Type, c.Index)
	return CommitTo(c.Type, c.Index, salt, component.Digest()) == c.C
}

// HasRecipient reports whether the record names address, in any spelling,
// among the envelope recipients.
func (t *Token) HasRecipient(address string) bool {
	for _, wanted := range message.Recipients([]string{address}) {
		for _, c := range t.Record.Commitments {
			if c.Type == wanted.Type && t.fits(c, wanted) {
				return true
			}
		}
	}
	return false
}

// HasAuthor reports whether the record has address as the only one in From.
func (t *Token) HasAuthor(address string) bool {
	from := message.NewComponent(message.From, 0, message.Canonical, []byte(address))
	return address != "" && slices.ContainsFunc(t.Record.Commitments, func(c Commitment) bool {
		return c.Type == message.From && t.fits(c, from)
	})
}

// Named returns those of addrs, in any letter case, that the record has as envelope recipients. Of
// many it looks at the first message.MaxRecipients.
func (t *Token) Named(addrs []string) (named []string) {
	for _, addr := range addrs[:min(len(addrs), message.MaxRecipients)] {
		if t.HasRecipient(addr) {
			named = append(named, addr)
		}
	}
	return named
}

// custodyOf is the component that refers to the tokens below a new one: how many
// they are u8, then of the topmost the recorder key 32 and the record id 32.
// Without the key, who seals a foreign record anew could take the place of its
// recorder.
func custodyOf(below []*Token) message.Component {
	id := below[0].RecordID()
	content := append([]byte{byte(len(below))}, below[0].Recorder[:]...)
	return message.NewComponent(message.Custody, 0, message.Canonical, append(content, id[:]...))
}

// ToSeal takes apart a message that gets its record now, raw being what will stand below the new
// token, as Arrived will find it.
func ToSeal(raw []byte, recipients []string) *message.Dissection {
	below, _ := Tokens(raw)
	if len(below) == 0 {
		return message.Dissect(raw, recipients)
	}
	// What is said of the way counts from the topmost token on, so that one has to be there.
	d := message.Dissect(slices.Concat([]byte(message.TokenHeader+": new\r\n"), raw), recipients)
	d.Add(custodyOf(below))
	return d
}

// Arrived takes apart a message that came with the tokens, which are those of its header from the
// top.
func Arrived(raw []byte, tokens []*Token, recipients []string) *message.Dissection {
	d := message.Dissect(raw, recipients)
	if len(tokens) > 1 {
		d.Add(custodyOf(tokens[1:]))
	}
	return d
}

// Original takes apart a message that was sent on, for comparing it with the last of its hops: for
// nobody in particular, and with no more of its way than its author's node saw.
func Original(raw []byte, hops []Hop) *message.Dissection {
	d := message.Dissect(raw, nil)
	d.TraceBelow(len(hops) - 1)
	return d
}

// Tokens returns the tokens in a mail's header from the top, at most 1 + MaxHops of them. It ends
// at the first Cairn-Record field that is none, with that field's error, and with ErrCustody if
// there are more.
func Tokens(raw []byte) (tokens []*Token, err error) {
	for _, field := range findTokens(raw) {
		switch {
		case field.Err != nil:
			return tokens, field.Err
		case len(tokens) == 1+MaxHops:
			return tokens, fmt.Errorf("%w: more than %d records", ErrCustody, len(tokens))
		}
		tokens = append(tokens, field.Token)
	}
	return tokens, nil
}
