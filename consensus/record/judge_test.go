package record_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"cairn/consensus/record"
	"cairn/mailstore/message"
)

// allSame is a comparison of ten parts, all as recorded.
func allSame() record.Comparison {
	c := record.Comparison{Same: 10, Recorded: 10, RecipientInRecord: true}
	for i := range 10 {
		c.Parts = append(c.Parts, record.Part{Type: message.Type(i + 1), Outcome: record.Same})
	}
	return c
}

// differing replaces the last n parts by ones of that type and kind.
func differing(n int, typ message.Type, kind string) record.Comparison {
	c := allSame()
	for i := range n {
		c.Parts[9-i] = record.Part{Type: typ, Outcome: record.Changed, Kind: kind}
	}
	c.Same -= n
	return c
}

func good() record.Facts {
	return record.Facts{Comparison: allSame(), TokenPresent: true, TokenValid: true, Inclusion: record.InclusionIncluded, Recorder: "Example",
		FromDomainIsOrg: true, OrgTrusted: true, RecipientInRecord: true}
}

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*record.Facts)
		want   record.Verdict
		reason string
	}{
		{"all right", func(f *record.Facts) {}, record.Verified, "recorded by \"Example\""},
		{"another organisation's", func(f *record.Facts) { f.FromDomainIsOrg = false }, record.Vouched, "not by the From domain's organisation"},
		{"not trusted", func(f *record.Facts) { f.OrgTrusted = false }, record.Vouched, "neither pinned"},
		{"in no block", func(f *record.Facts) { f.Inclusion = record.InclusionNone }, record.Pending, "will be verified"},
		{"vouched, in no block", func(f *record.Facts) { f.Inclusion, f.FromDomainIsOrg = record.InclusionNone, false }, record.Pending, "will be vouched"},
		{"another root", func(f *record.Facts) { f.Inclusion = record.InclusionConflict }, record.Invalid, "another record"},
		{"too late", func(f *record.Facts) { f.Inclusion = record.InclusionExpired }, record.Invalid, "in time"},
		{"late", func(f *record.Facts) { f.Inclusion = record.InclusionLate }, record.Pending, "late: in no block"},
		{"late, of another organisation", func(f *record.Facts) { f.Inclusion, f.FromDomainIsOrg = record.InclusionLate, false }, record.Pending, "will be vouched"},
		{"late and changed", func(f *record.Facts) {
			f.Comparison, f.Inclusion = differing(1, message.Text, record.FooterAppended), record.InclusionLate
		}, record.Differs, "9 of 10"},
		{"not waited for any longer", func(f *record.Facts) { f.Inclusion = record.InclusionLapsed }, record.Unrecorded, "waited for no longer"},
		{"no token", func(f *record.Facts) { f.TokenPresent = false }, record.Unrecorded, "no record"},
		{"no token though all is recorded", func(f *record.Facts) { f.TokenPresent, f.DeclaresAll = false, true }, record.Missing, "records all"},
		{"own mail that could not be recorded", func(f *record.Facts) { f.TokenPresent, f.NotRecorded = false, "it waits" }, record.Unrecorded,
			"no record: sent from one account of this node to another while it could record nothing; it waits"},
		{"bad token", func(f *record.Facts) { f.TokenValid, f.TokenFault = false, "bad path" }, record.Invalid, "bad path"},
		{"bad token without a fault", func(f *record.Facts) { f.TokenValid = false }, record.Invalid, "not valid"},
		{"recipient not in the record", func(f *record.Facts) { f.RecipientInRecord = false }, record.Replayed, "recipient"},
		{"recipient not in the record, and altered", func(f *record.Facts) {
			f.RecipientInRecord, f.Comparison = false, differing(1, message.Text, "")
		}, record.Replayed, "is not known here; a difference that no honest relay makes: it cannot count as wanted; recorded by \"Example\""},
		{"recipient not in the comparison", func(f *record.Facts) { f.Comparison.RecipientInRecord = false }, record.Replayed, "recipient"},
		{"recorded by a stranger, but all is recorded", func(f *record.Facts) { f.FromDomainIsOrg, f.DeclaresAll = false, true }, record.Missing,
			"records all its mail, but this is not its record; recorded by \"Example\", not by the From domain's organisation; this node has not pinned \"Example\""},
		{"by one who claims the domain", func(f *record.Facts) { f.OrgTrusted, f.DeclaresAll = false, true }, record.Missing, "which claims the From domain"},
		{"by a stranger, in no block", func(f *record.Facts) {
			f.FromDomainIsOrg, f.DeclaresAll, f.Inclusion = false, true, record.InclusionNone
		}, record.Missing, "not its record"},
		{"changed, by a stranger", func(f *record.Facts) {
			f.FromDomainIsOrg, f.DeclaresAll, f.Comparison = false, true, differing(1, message.Text, record.FooterAppended)
		}, record.Missing, "text: a footer was appended"},
		{"by one who is pinned", func(f *record.Facts) { f.FromDomainIsOrg, f.DeclaresAll, f.OrgPinned = false, true, true }, record.Vouched, "not by the From"},
		{"pinned, but no token", func(f *record.Facts) { f.TokenPresent, f.DeclaresAll, f.OrgPinned = false, true, true }, record.Missing, "no record"},
		{"bad token though all is recorded", func(f *record.Facts) { f.TokenValid, f.DeclaresAll = false, true }, record.Invalid, "not valid"},
		{"seen before", func(f *record.Facts) { f.Replayed = true }, record.Replayed, "before"},
		{"seen before, no token", func(f *record.Facts) { f.TokenPresent, f.Replayed = false, true }, record.Unrecorded, "no record"},
		{"footer", func(f *record.Facts) { f.Comparison = differing(2, message.Text, record.FooterAppended) }, record.Differs, "8 of 10"},
		{"footer, and by whom it is recorded", func(f *record.Facts) { f.Comparison = differing(1, message.Text, record.FooterAppended) }, record.Differs,
			"recorded by \"Example\", which is trusted for the From domain"},
		{"footer, recorded by another", func(f *record.Facts) {
			f.Comparison, f.FromDomainIsOrg = differing(1, message.Text, record.FooterAppended), false
		}, record.Differs, "recorded by \"Example\", not by the From domain's organisation"},
		{"body", func(f *record.Facts) { f.Comparison = differing(1, message.Text, "") }, record.Differs, "cannot count as wanted"},
		{"footer, in no block", func(f *record.Facts) {
			f.Comparison, f.Inclusion = differing(1, message.Text, record.FooterAppended), record.InclusionNone
		}, record.Differs, "9 of 10"},
		{"below the threshold", func(f *record.Facts) { f.Comparison = differing(3, message.References, "") }, record.Invalid, "less than 75"},
		{"at a lower threshold", func(f *record.Facts) { f.Comparison, f.Threshold = differing(3, message.References, ""), 70 }, record.Differs, "at least 70"},
		{"below a higher one", func(f *record.Facts) { f.Comparison, f.Threshold = differing(1, message.References, ""), 95 }, record.Invalid, "less than 95"},
		{"nothing recorded", func(f *record.Facts) { f.Comparison = record.Comparison{RecipientInRecord: true} }, record.Invalid, "0 of 0"},
		{"a token of a later version", func(f *record.Facts) { f.TokenUnknown, f.TokenValid, f.TokenFault = true, false, "version 9" }, record.Unrecorded, "version 9"},
		{"the same, though all is recorded", func(f *record.Facts) { f.TokenUnknown, f.TokenValid, f.DeclaresAll = true, false, true }, record.Missing, "records all"},
		{"the same, of our own domain", func(f *record.Facts) { f.TokenUnknown, f.TokenValid, f.OwnDomain = true, false, "own.example" }, record.Missing, "from own.example, a domain of our own"},
		{"no token, our own domain", func(f *record.Facts) { f.TokenPresent, f.OwnDomain = false, "own.example" }, record.Missing, "a domain of our own"},
		{"our own domain, recorded by one who is pinned", func(f *record.Facts) { f.FromDomainIsOrg, f.OrgPinned, f.OwnDomain = false, true, "own.example" },
			record.Missing, "this is not our record; recorded by \"Example\""},
		{"stored before versions were kept", func(f *record.Facts) { f.RecordVersion = 0 }, record.Verified, "all parts"},
		{"of this version", func(f *record.Facts) { f.RecordVersion = record.RecordVersion }, record.Verified, "all parts"},
		{"a month old", func(f *record.Facts) { f.RecordTime, f.ArrivalTime = 1, 1+uint64(record.MaxAge.Milliseconds()) }, record.Verified, "all parts"},
		{"older", func(f *record.Facts) { f.RecordTime, f.ArrivalTime = 1, 2+uint64(record.MaxAge.Milliseconds()) }, record.Replayed, "30 days old"},
		{"older, by its own node", func(f *record.Facts) {
			f.RecordTime, f.ArrivalTime, f.OwnCourier = 1, 2+uint64(record.MaxAge.Milliseconds()), true
		}, record.Verified, "all parts"},
		{"older by a clock that is wrong", func(f *record.Facts) {
			f.RecordTime, f.ArrivalTime, f.ClockWrong = 1, 2+uint64(record.MaxAge.Milliseconds()), true
		}, record.Verified, "all parts"},
		{"older, but a file", func(f *record.Facts) { f.RecordTime = 1 }, record.Verified, "all parts are as recorded"},
		{"from the future", func(f *record.Facts) { f.RecordTime, f.ArrivalTime = 1<<63, 1 }, record.Verified, "all parts"},
		{"seen before and old", func(f *record.Facts) {
			f.Replayed, f.RecordTime, f.ArrivalTime = true, 1, 2+uint64(record.MaxAge.Milliseconds())
		}, record.Replayed, "before; the record was 30 days old"},
		{"to Bcc", func(f *record.Facts) { f.Unaddressed = true }, record.Verified, "not addressed to you"},
		{"sent on", sentOn, record.Vouched, "Sent on by lists.example. Recorded by orig.example for ana@orig.example: unchanged"},
		{"sent on, in no block", func(f *record.Facts) { sentOn(f); f.Inclusion = record.InclusionNone }, record.Pending, "will be vouched; Sent on by lists.example."},
		{"sent on with a footer", func(f *record.Facts) {
			sentOn(f)
			f.Comparison.Parts[9] = record.Part{Type: message.Text, Outcome: record.Changed, Kind: record.FooterAppended, Added: "bye", Lines: 3, Mark: true, Kept: true}
			f.Comparison.Same--
		}, record.Vouched, `for ana@orig.example: lines 1 to 3. Not ana@orig.example's: last 1 lines: "bye"`},
		{"sent on with another text", func(f *record.Facts) {
			sentOn(f)
			f.Comparison.Parts[9] = record.Part{Type: message.Text, Outcome: record.Changed, Decides: true}
			f.Comparison.Same--
		}, record.Differs, "cannot count as wanted"},
		{"sent on, seen before", func(f *record.Facts) { sentOn(f); f.Replayed = true }, record.Replayed, "before"},
		{"sent on, old", func(f *record.Facts) {
			sentOn(f)
			f.RecordTime, f.ArrivalTime = 1, 2*uint64(record.MaxAge.Milliseconds())
		}, record.Vouched, "Sent on"},
		{"sent on, another root", func(f *record.Facts) { sentOn(f); f.Inclusion = record.InclusionConflict }, record.Invalid, "another record"},
		{"sent on, our own domain without our record", func(f *record.Facts) { sentOn(f); f.OwnDomain = "own.example" }, record.Missing, "a domain of our own"},
		{"extra route", func(f *record.Facts) {
			f.Comparison.Parts = append(f.Comparison.Parts, record.Part{Type: message.Route, Outcome: record.Extra})
			f.Comparison.Extra++
		}, record.Verified, "all parts"},
		{"extra text", func(f *record.Facts) {
			f.Comparison.Parts = append(f.Comparison.Parts, record.Part{Type: message.Text, Outcome: record.Extra})
			f.Comparison.Extra++
		}, record.Differs, "cannot count as wanted"},
		{"extra part of an unknown type", func(f *record.Facts) {
			f.Comparison.Parts = append(f.Comparison.Parts, record.Part{Type: 200, Outcome: record.Extra})
			f.Comparison.Extra++
		}, record.Differs, "cannot count as wanted"},
	} {
		f := good()
		c.change(&f)
		got, reasons := record.Judge(f)
		if got != c.want || !strings.Contains(strings.Join(reasons, "; "), c.reason) {
			t.Errorf("%s: %s %q, want %s with %q", c.name, got, reasons, c.want, c.reason)
		}
	}
}

// sentOn makes f that of a mail which a known forwarder sent on to somebody whom its record does
// not name.
func sentOn(f *record.Facts) {
	f.Forwarder, f.RecorderDomain, f.From = "lists.example", "orig.example", "ana@orig.example"
	f.RecipientInRecord, f.Comparison.RecipientInRecord = false, false
	f.Comparison.Version, f.Comparison.Kept = record.RecordVersion, f.Comparison.Same
	f.Comparison.Parts = append(f.Comparison.Parts, record.Part{Type: message.Recipient, Outcome: record.Extra, Kind: record.NotRecorded, Mark: true})
	f.Comparison.Extra++
}

// TestOlderVersion: a record of an older version does not cover all of a mail. Findings from before
// versions were kept have none.
func TestOlderVersion(t *testing.T) {
	for version := uint8(1); version < record.RecordVersion; version++ {
		f := good()
		f.RecordVersion = version
		if v, reasons := record.Judge(f); v != record.Vouched || !strings.Contains(strings.Join(reasons, "; "), "does not cover all of a mail") {
			t.Errorf("version %d: %s %q", version, v, reasons)
		}
	}
}

// TestThreshold: the highest counts, whoever set it, and nobody lowers another's.
func TestThreshold(t *testing.T) {
	for _, c := range []struct {
		administrator, organisation, sender, recipient int
		want                                           int
		by                                             string
	}{
		{0, 0, 0, 0, 75, ""},
		{75, 75, 75, 75, 75, ""},
		{60, 0, 0, 0, 60, record.ByAdministrator},
		{60, 70, 65, 1, 70, record.ByOrganisation},
		{90, 80, 85, 89, 90, record.ByAdministrator},
		{0, 80, 80, 80, 80, record.ByOrganisation},
		{0, 80, 81, 80, 81, record.BySender},
		{0, 80, 81, 82, 82, record.ByRecipient},
		{0, 255, 0, 0, 100, record.ByOrganisation},
		{0, 0, 1000, 0, 100, record.BySender},
		{-1, -1, -1, -1, 75, ""},
	} {
		f := record.Facts{SenderThreshold: c.sender, RecipientThreshold: c.recipient}
		f.SetThreshold(c.administrator, c.organisation)
		if f.Threshold != c.want || f.ThresholdBy != c.by {
			t.Errorf("%+v: %d by %q", c, f.Threshold, f.ThresholdBy)
		}
	}
}

// TestNamed: the record's recipients are found in any letter case, and nobody else is.
func TestNamed(t *testing.T) {
	token := sealed(message.Dissect(nil, []string{"Ana@Org.example", "list@lists.example"}).Components(), 0, 1)
	got := token.Named([]string{"x@org.example", "ana@org.example", "", "LIST@lists.example", "list@lists.example.evil.example"})
	if want := []string{"ana@org.example", "LIST@lists.example"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// bothWays compares by commitments and by contents.
func bothWays(sent, arrived *message.Dissection) []record.Comparison {
	return []record.Comparison{
		record.Compare(tokenOf(sent), arrived, record.Context{}),
		record.CompareMessages(sent, arrived, record.Context{}),
	}
}

// TestUntouched: whatever the message, what arrives as it was sent is all same, re-packed by relays
// or not.
func TestUntouched(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawDraft(t)
		d.to = append(d.to, "bob@b.example")
		sent := d.dissect(false)
		d.to = d.to[:1]
		for _, c := range bothWays(sent, d.dissect(rapid.Bool().Draw(t, "re-packed"))) {
			if !c.AllSame() || c.Share() != 1 || !c.MayBeWanted() || len(c.Differences()) > 0 {
				t.Fatalf("%v", c.Differences())
			}
		}
	})
}

// TestReplaced: when an author, text, HTML, attachment, its name, a field that programs act upon or
// the envelope recipient is replaced by something else, then whatever else is there, however much
// of it is the same and whatever the chain says, the message comes out neither verified nor vouched
// nor pending, nor as one that may be wanted.
func TestReplaced(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawDraft(t)
		arrived := d.clone()
		by := "REPLACED" + rapid.StringMatching(`[A-Z0-9]{1,40}`).Draw(t, "by")
		n := rapid.IntRange(0, len(d.fields)+2*len(d.parts)).Draw(t, "which")
		switch i, part := n, n-len(d.fields); {
		case part < 0 && slices.Contains([]string{"From", "Sender", "To", "Cc", "Reply-To"}, d.fields[i][0]):
			arrived.fields[i][1] = by + "@evil.example"
		case part < 0 && d.fields[i][0] == "Date":
			arrived.fields[i][1] = "Sat, 21 Nov 2026 10:00:01 +0000"
		case part < 0 && slices.Contains([]string{"Subject", "Importance"}, d.fields[i][0]):
			arrived.fields[i][1] = by
		case part < 0:
			return
		case part == 2*len(d.parts):
			arrived.to[0] = by + "@b.example"
		case part%2 == 0:
			arrived.parts[part/2].content = by
		case d.parts[part/2].name != "":
			arrived.parts[part/2].name = by
		}
		if reflect.DeepEqual(d, arrived) {
			return
		}
		facts := good()
		facts.Inclusion = rapid.SampledFrom([]record.Inclusion{record.InclusionNone, record.InclusionIncluded}).Draw(t, "inclusion")
		facts.FromDomainIsOrg, facts.OrgTrusted = rapid.Bool().Draw(t, "org"), rapid.Bool().Draw(t, "trusted")
		facts.Threshold = rapid.IntRange(1, 100).Draw(t, "threshold")
		for _, c := range bothWays(d.dissect(false), arrived.dissect(rapid.Bool().Draw(t, "re-packed"))) {
			facts.Comparison, facts.RecipientInRecord = c, c.RecipientInRecord
			verdict, reasons := record.Judge(facts)
			if c.AllSame() || c.MayBeWanted() || !slices.Contains([]record.Verdict{record.Differs, record.Invalid, record.Replayed}, verdict) {
				t.Fatalf("%s replaced: %s, %q, %+v", by, verdict, reasons, c)
			}
		}
	})
}

// TestAddedOrRemoved: what is added or removed always shows.
func TestAddedOrRemoved(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		less, more := drawDraft(t), draft{}
		if rapid.Bool().Draw(t, "a field") {
			more = less.clone()
			i := rapid.IntRange(0, len(less.fields)-1).Draw(t, "which")
			less.fields = slices.Delete(slices.Clone(less.fields), i, i+1)
		} else {
			more = less.clone()
			more.parts = append(more.parts, draftPart{kind: rapid.SampledFrom([]string{"text/plain", "text/html", "image/x"}).Draw(t, "kind"), content: "new"})
		}
		a, b := less.dissect(false), more.dissect(false)
		for _, c := range append(bothWays(a, b), bothWays(b, a)...) {
			if c.AllSame() || len(c.Differences()) == 0 {
				t.Fatalf("nothing differs: %+v", c)
			}
		}
	})
}

// TestShareIsMonotone: verdicts only get worse when a part of the same message stops being the
// same.
func TestShareIsMonotone(t *testing.T) {
	rank := map[record.Verdict]int{record.Verified: 3, record.Vouched: 2, record.Pending: 2, record.Differs: 1, record.Invalid: 0}
	rapid.Check(t, func(t *rapid.T) {
		f := good()
		f.Threshold = rapid.IntRange(1, 100).Draw(t, "threshold")
		last := 3
		for n := range 10 {
			f.Comparison = differing(n, message.References, "")
			verdict, _ := record.Judge(f)
			if rank[verdict] > last {
				t.Fatalf("%d parts differ: %s", n, verdict)
			}
			last = rank[verdict]
		}
	})
}

// TestKinds: every kind has its words, and is benign for types that exist.
func TestKinds(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range record.Kinds() {
		if k.Kind == "" || k.Says == "" || seen[k.Kind] {
			t.Errorf("%+v has no name, no words or is there twice", k)
		}
		seen[k.Kind] = true
		for _, typ := range k.Benign {
			if _, ok := typ.Info(); !ok {
				t.Errorf("%s is benign for the unknown type %d", k.Kind, typ)
			}
		}
	}
}
