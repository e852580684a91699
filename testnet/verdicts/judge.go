package verdicts

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"cairn/consensus"
	"cairn/consensus/record"
	"cairn/consensus/recorder"
	"cairn/mailstore"
	"cairn/mailstore/message"
	"cairn/smtpgw/screen"
)

// Knowledge is what a recipient has configured or named before a message comes.
type Knowledge struct {
	List    *record.Forwarder // the mailing list that sent the message on
	Map     record.AddressMap // of a relay
	Banners []string          // of the own gateway, as record.CheckBanner returns them
}

// Any reports whether anything is known.
func (k *Knowledge) Any() bool { return k.List != nil || len(k.Map) > 0 || len(k.Banners) > 0 }

// Says lists for people what is known.
func (k *Knowledge) Says() (list []string) {
	if k.List != nil {
		list = append(list, "the list "+k.List.Posting)
	}
	for _, r := range k.Map {
		list = append(list, "the address map "+r.String())
	}
	for _, b := range k.Banners {
		list = append(list, fmt.Sprintf("the banner %q", b))
	}
	return list
}

// Outcome is what became of a pair's message.
type Outcome struct {
	Verdict record.Verdict
	Filed   string   // label of its place
	Reasons []string // of the verdict, then of the place
	Decides []string // the differences that alone keep it from counting as wanted
}

// Inbox reports whether the message is in the inbox.
func (o *Outcome) Inbox() bool { return o.Filed == mailstore.LabelInbox }

// reader is to whom the messages are delivered whose own header names nobody.
const reader = "reader@reader.example"

var (
	senderKey = ed25519.NewKeyFromSeed([]byte("the sender's node of the measure"))
	listKey   = ed25519.NewKeyFromSeed([]byte("the list's node of the measure, "))
)

const chainID consensus.ChainID = 1

// Judge records the original at that time, lets it arrive a minute later and judges it. The record
// is in a block, and the organisation that made it is trusted for the domain of its author. A
// message that came by a known list was recorded for the list's address, and the list's node has
// recorded what it sent on.
func Judge(p *Pair, k Knowledge, at time.Time) (*Outcome, error) {
	original, received := message.WithoutMboxLine(p.Original), message.WithoutMboxLine(p.Received)
	sent := record.ReadHeader(original, nil)
	to := recipientOf(sent)
	if k.List != nil {
		to = k.List.Posting
	}
	place, wish := seam(original, received)
	draft := recorder.NewDraft(secretOf(p.Name, "sender"), original, []string{to}, wish, at)
	arrived := sealed(received, place, senderKey, draft, unfolds(original, received))
	rcpt := to
	if k.List != nil {
		rcpt = reader
		again := recorder.NewDraft(secretOf(p.Name, "list"), arrived, []string{rcpt}, record.Wish{}, at)
		arrived = sealed(arrived, 0, listKey, again, false)
	}
	f, domains, err := facts(arrived, rcpt, sent, k)
	if err != nil {
		return nil, fmt.Errorf("judge pair %s: %w", p.Name, err)
	}
	f.ArrivalTime = uint64(at.Add(time.Minute).UnixMilli())

	o := new(Outcome)
	o.Verdict, o.Reasons = record.Judge(*f)
	finding := screen.FindingOf(o.Verdict, o.Reasons, domains, f)
	d := screen.Decide(screen.Policy{}, finding, finding.Evidence())
	for _, label := range d.Labels {
		if !strings.HasPrefix(label, mailstore.VerdictPrefix) {
			o.Filed = label
		}
	}
	o.Reasons = append(slices.Clip(o.Reasons), d.Reasons...)
	for _, part := range f.Comparison.Parts {
		if f.Comparison.Decides(part) {
			o.Decides = append(o.Decides, part.String())
		}
	}
	return o, nil
}

// secretOf makes a record's secret, the same in each run.
func secretOf(pair, of string) record.Secret { return sha256.Sum256([]byte(of + "\x00" + pair)) }

// recipientOf is the address of the envelope that mail is judged for: the first in To or Cc.
func recipientOf(sent *record.Header) string {
	for _, addr := range sent.To {
		if message.Domain(addr) != "" {
			return addr
		}
	}
	return reader
}

// facts are what a recipient's node finds out about an arrival.
func facts(
	arrived []byte, rcpt string, sent *record.Header, k Knowledge,
) (f *record.Facts, domains []string, err error) {
	tokens, err := record.Tokens(arrived)
	if err != nil || len(tokens) == 0 {
		return nil, nil, fmt.Errorf("its records cannot be read: %w", err)
	}
	header := record.ReadHeader(arrived, k.Map)
	with := record.Context{Map: k.Map, Banners: k.Banners}
	f = &record.Facts{
		TokenPresent: true, TokenValid: tokens[0].VerifySignature(), Inclusion: record.InclusionIncluded, OrgPinned: true,
		Unaddressed: !header.AddressedTo([]string{rcpt}),
	}
	f.SetRecord(tokens[0], record.Compare(tokens[0], record.Arrived(arrived, tokens, []string{rcpt}), with))
	from, domains := header.From, header.Domains
	if k.List != nil {
		if !f.Comparison.Intact() {
			return nil, nil, fmt.Errorf("the list %s recorded something else", k.List.Posting)
		}
		hops, list, err := custody(tokens, *k.List)
		if err != nil {
			return nil, nil, err
		}
		original := hops[len(hops)-1].Token
		f.Forwarder, f.SentOnTime, with.Forwarder, with.Recipient = list.Domain, tokens[0].Record.Time, list, rcpt
		below := record.Original(arrived, hops)
		f.SetRecord(original, record.Compare(original, below, with))
		from, domains = header.AuthorIn(below, f.Comparison, original)
	}
	f.SetThreshold(0, 0)
	f.SetFrom(from)
	f.Recorder = message.Domain(sent.From)
	f.RecorderDomain = f.Recorder
	f.FromDomainIsOrg = speaksFor(sent.Domains, domains)
	f.OrgTrusted = f.FromDomainIsOrg
	return f, domains, nil
}

// speaksFor reports whether the organisation of the domains its has all of the others.
func speaksFor(its, domains []string) bool {
	for _, domain := range domains {
		if domain == "" || !slices.Contains(its, domain) {
			return false
		}
	}
	return len(domains) > 0
}

// custody holds that the list accounts for the way of a message that it sent on.
func custody(tokens []*record.Token, list record.Forwarder) ([]record.Hop, *record.Forwarder, error) {
	hops, err := record.Custody(tokens)
	if err != nil {
		return nil, nil, err
	}
	speaks := func(key consensus.Key, domain string) bool {
		return key == consensus.PublicKey(listKey) && domain == list.Domain
	}
	known, ok := record.KnownForwarders(hops, []record.Forwarder{list}, speaks)
	if !ok {
		return nil, nil, fmt.Errorf("the list %s does not account for it", list.Posting)
	}
	return hops, &known[0], nil
}
