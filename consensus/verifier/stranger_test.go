package verifier

import (
	"context"
	"net"
	"slices"
	"strings"
	"testing"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
	"cairn/consensus/record"
)

// also makes organisation number org claim a second domain.
func also(org int, domain string) func(*chaintest.Network) {
	return func(n *chaintest.Network) {
		e := &n.Orgs[org].Event
		e.Enrol().Domains = slices.Sorted(slices.Values([]string{domain, n.Orgs[org].Domain}))
		e.Sign(n.Orgs[org].Key)
	}
}

// Mail in the name of an organisation that records all its mail, recorded by
// another: only the node's own pins let that pass. All organisations here
// declare that they record all.
func TestRecordedByStranger(t *testing.T) {
	const al, cy = "al@org2.example", "cy@org3.example"
	for _, c := range []struct {
		name    string
		from    string
		change  func(*chaintest.Network)
		dns     []int // organisations named by the DNS of their domains
		pins    []int
		footer  bool
		verdict record.Verdict // once in a block
		box     string
	}{
		{"stranger", jo, nil, nil, []int{0}, false, record.Missing, "spam"},
		{"stranger with a DNS record of its own", jo, nil, []int{2}, []int{0}, false, record.Missing, "spam"},
		{"the author's organisation known by DNS", jo, nil, []int{0, 2}, nil, false, record.Missing, "spam"},
		{"stranger who claims the domain too", jo, also(2, "org1.example"), nil, []int{0}, false, record.Missing, "spam"},
		{"stranger who adds a footer", jo, nil, nil, []int{0}, true, record.Missing, "spam"},
		{"pinned", jo, nil, nil, []int{0, 2}, false, record.Vouched, "inbox"},
		{"pinned, with a footer", jo, nil, nil, []int{0, 2}, true, record.Differs, "inbox"},
		{"nobody known speaks for the domain", jo, nil, nil, nil, false, record.Vouched, "inbox"},
		{"only some mail is recorded", al, records(consensus.RecordsSome, 0, 1), nil, []int{1}, false, record.Vouched, "inbox"},
		{"its own domain", cy, nil, []int{2}, nil, false, record.Verified, "inbox"},
		{"its own domain and nobody's", cy + ", x@elsewhere.example", nil, []int{2}, nil, false, record.Vouched, "inbox"},
		{"its own domain and another's", cy + ", " + jo, nil, []int{2}, []int{0}, false, record.Missing, "spam"},
	} {
		t.Run(c.name, func(t *testing.T) {
			named := make(map[string]string)
			w := newWorld(t, setting{orgs: 3, pins: c.pins, change: c.change, dns: func(_ context.Context, name string) ([]string, error) {
				if txt, ok := named[strings.TrimPrefix(name, "_cairn.")]; ok {
					return []string{txt}, nil
				}
				return nil, &net.DNSError{IsNotFound: true}
			}})
			for _, i := range c.dns {
				named[w.net.Orgs[i].Domain] = FormatTXT(consensus.PublicKey(w.net.Orgs[i].Key))
			}
			raw := w.seal(2, letter(c.from, "", text), ann)
			if c.footer {
				raw = append(raw, "_______\r\nof the list\r\n"...)
			}
			ref := w.arrive(raw)
			w.include(2)
			w.expect(ref, "in a block", c.verdict, c.box)
			says := strings.Join(w.finding(ref).Reasons, "; ")
			if c.verdict == record.Missing && !(strings.Contains(says, "records all its mail") && strings.Contains(says, `has not pinned "Org 3"`)) {
				t.Errorf("reasons %q do not say both why it is missing", says)
			}
		})
	}
}

// Pins that come and go decide about stored mail too, whatever its domain, and
// about mail that is being delivered.
func TestRetrustOfStranger(t *testing.T) {
	w := newWorld(t, setting{orgs: 3, pins: []int{0}})
	ctx := context.Background()
	ref := w.arrive(w.seal(2, letter(jo, "", text), ann))
	raw := w.seal(2, letter(jo, "", text), ann)
	as, err := w.v.Check(ctx, Arrival{Raw: raw, Recipients: []string{ann}})
	w.must(err)
	w.include(2)
	w.expect(ref, "a stranger's", record.Missing, "spam")
	w.pin(2)
	w.must(w.v.Retrust(ctx, "org3.example"))
	w.expect(ref, "pinned", record.Vouched, "inbox")
	w.expect(w.put(as, raw, []string{ann})[0].Ref, "delivered meanwhile", record.Vouched, "inbox")
	w.must(w.trust.Pin(ctx, Pin{Domain: "org3.example", Key: txtKey, Source: SourceTrust}, true))
	w.must(w.v.Retrust(ctx, "org3.example"))
	w.expect(ref, "another key was pinned instead", record.Missing, "spam")
	w.must(w.trust.Pin(ctx, Pin{Domain: "org1.example", Key: txtKey, Source: SourceTrust}, true))
	w.must(w.v.Retrust(ctx, "org1.example"))
	w.expect(ref, "nobody speaks for the domain any more", record.Vouched, "inbox")
}

// The author's organisation enrols after the mail came, or while it comes; and
// that is reverted.
func TestEnrolmentAfterStranger(t *testing.T) {
	w := newWorld(t, setting{orgs: 3, late: true, pins: []int{1}})
	ctx := context.Background()
	ref := w.arrive(w.seal(0, letter("al@org2.example", "", text), ann))
	raw := w.seal(0, letter("al@org2.example", "", text), ann)
	as, err := w.v.Check(ctx, Arrival{Raw: raw, Recipients: []string{ann}})
	w.must(err)
	w.include(0)
	w.expect(ref, "before", record.Vouched, "inbox")
	before := w.chain.State()
	w.mine(chaintest.Body{Events: w.net.Enrolments()})
	w.expect(ref, "enrolled", record.Missing, "spam")
	w.expect(w.put(as, raw, []string{ann})[0].Ref, "delivered meanwhile", record.Missing, "spam")
	w.add(w.add(before, chaintest.Body{}), chaintest.Body{})
	w.expect(ref, "reverted", record.Vouched, "inbox")
}

// With the DNS, which is not asked within a delivery, the next step of the
// chain puts right what was overtaken.
func TestEnrolmentDuringStrangersDelivery(t *testing.T) {
	org := chaintest.New(2).Orgs[1]
	w := newWorld(t, setting{orgs: 3, late: true, dns: func(context.Context, string) ([]string, error) {
		return []string{FormatTXT(consensus.PublicKey(org.Key))}, nil
	}})
	raw := w.seal(0, letter("al@org2.example", "", text), ann)
	as, err := w.v.Check(context.Background(), Arrival{Raw: raw, Recipients: []string{ann}})
	w.must(err)
	w.mine(chaintest.Body{Events: w.net.Enrolments()})
	ref := w.put(as, raw, []string{ann})[0].Ref
	w.include(0)
	w.expect(ref, "in a block", record.Missing, "spam")
}
