package screen

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/mailstore/message"
)

// The words of labels are the mail store's, which this pure package cannot
// import.
func TestLabels(t *testing.T) {
	if labelInbox != mailstore.LabelInbox || labelSpam != mailstore.LabelSpam || labelQuarantine != mailstore.LabelQuarantine || verdictPrefix != mailstore.VerdictPrefix {
		t.Error("the mail store has other words")
	}
	for _, v := range record.Verdicts() {
		if err := mailstore.CheckLabel(VerdictLabel(v)); err != nil {
			t.Error(err)
		}
	}
}

const list = "list@lists.example"

func wrote(address string) Result { return History{Wrote: true}.Evidence(address) }

func TestDecide(t *testing.T) {
	dkim := Result{Method: "dkim", Result: Pass, About: "org.example", Property: "header.d"}
	dmarc := func(result, policy string) Result {
		return Result{Method: MethodDMARC, Result: result, About: "e.example", Property: "header.from", Policy: policy}
	}
	arc := Result{Method: "arc", Result: Pass, About: "e.example"}
	listed := Result{Method: MethodListed, Result: Fail, About: "192.0.2.99", Reason: "it is on the list bl.example"}
	unrecorded := Finding{Verdict: record.Unrecorded, From: "x@e.example"}
	for _, c := range []struct {
		name   string
		policy Policy
		f      Finding
		e      Evidence
		box    string
		says   string
	}{
		{"verified", Policy{}, Finding{Verdict: record.Verified}, nil, labelInbox, ""},
		{"vouched", Policy{}, Finding{Verdict: record.Vouched}, nil, labelInbox, ""},
		{"pending", Policy{}, Finding{Verdict: record.Pending}, nil, labelInbox, ""},
		{"unrecorded", Policy{}, Finding{Verdict: record.Unrecorded}, nil, labelInbox, ""},
		{"unrecorded, from somebody unknown", Policy{}, Finding{Verdict: record.Unrecorded, From: "x@e.example"},
			Evidence{History{}.Evidence("x@e.example")}, labelInbox, "neither written to x@e.example nor kept"},
		{"unrecorded, from somebody known", Policy{}, Finding{Verdict: record.Unrecorded, From: "x@e.example"},
			Evidence{History{Kept: true}.Evidence("x@e.example")}, labelInbox, "you have kept mail from x@e.example"},
		{"unrecorded, by who is on a list", Policy{}, unrecorded, Evidence{dmarc(Pass, ""), listed}, labelSpam, "it was brought by 192.0.2.99: it is on the list bl.example"},
		{"unrecorded, by a list that was named, which is on a list", Policy{}, unrecorded, Evidence{listed, {Method: MethodForwarder, Result: Pass, About: "lists.example", Reason: list + ", which you have named, sent it on"}}, labelInbox, list},
		{"pending, by who is on a list", Policy{}, Finding{Verdict: record.Pending}, Evidence{listed}, labelInbox, ""},
		{"unrecorded, from its domain", Policy{}, unrecorded, Evidence{dmarc(Pass, "")}, labelInbox, "the server that sent it is of e.example"},
		{"unrecorded, of a domain without a policy", Policy{}, unrecorded, Evidence{dmarc(None, "")}, labelInbox, "nothing speaks"},
		{"unrecorded, of a domain that only watches", Policy{}, unrecorded, Evidence{dmarc(Fail, "none")}, labelInbox, "nothing speaks"},
		{"unrecorded, to be put aside", Policy{}, unrecorded, Evidence{dmarc(Fail, "quarantine")}, labelSpam, "claims to be from e.example, and neither a signature nor the server that sent it is of that domain, which wants such mail put aside"},
		{"unrecorded, to be refused", Policy{}, unrecorded, Evidence{dmarc(Fail, "reject")}, labelQuarantine, "which wants such mail refused"},
		{"unrecorded, to be refused, by somebody known", Policy{}, unrecorded, Evidence{dmarc(Fail, "reject"), wrote("x@e.example")}, labelQuarantine, "which wants such mail refused"},
		{"unrecorded, sent on by who is trusted", Policy{}, unrecorded, Evidence{dmarc(Fail, "reject"), arc}, labelInbox, ""},
		{"unrecorded, sent on by a list that was named", Policy{}, unrecorded, Evidence{dmarc(Fail, "reject"), {Method: MethodForwarder, Result: Pass, About: "lists.example", Reason: list + ", which you have named, sent it on"}}, labelInbox, list + ", which you have named"},
		{"unrecorded, one author of two", Policy{}, unrecorded, Evidence{dmarc(Pass, ""), {Method: MethodDMARC, Result: Fail, About: "f.example", Policy: "quarantine"}, {Method: MethodDMARC, Result: Fail, About: "g.example", Policy: "reject"}}, labelQuarantine, "from g.example"},
		{"unrecorded, the DNS was silent", Policy{}, unrecorded, Evidence{dmarc("temperror", "")}, labelSpam, "could not be found out when it arrived, nor what that domain wants"},
		{"unrecorded, the DNS was silent, by somebody known", Policy{}, unrecorded, Evidence{dmarc("temperror", ""), wrote("x@e.example")}, labelSpam, "could not be found out"},
		{"unrecorded, the DNS was silent but for the key", Policy{}, unrecorded, Evidence{dmarc("temperror", ""), {Method: "dkim", Result: Pass, About: "e.example"}}, labelInbox, ""},
		{"unrecorded, the DNS was silent beside a policy to watch", Policy{}, unrecorded, Evidence{dmarc("temperror", "none")}, labelInbox, "nothing speaks"},
		{"unrecorded, the DNS says too much", Policy{}, unrecorded, Evidence{dmarc("permerror", "")}, labelSpam, "nor what that domain wants"},
		{"unrecorded, one author of two is not known of", Policy{}, unrecorded, Evidence{dmarc(None, ""), {Method: MethodDMARC, Result: "temperror", About: "f.example"}}, labelSpam, "from f.example"},
		{"unrecorded, the DNS was silent beside a policy", Policy{}, unrecorded, Evidence{dmarc("temperror", "reject")}, labelSpam, "could not be found out"},
		{"unrecorded, of nobody", Policy{}, unrecorded, Evidence{{Method: MethodDMARC, Result: "permerror", Reason: "it has 2 From fields", Policy: "quarantine"}}, labelSpam, "cannot be told: it has 2 From fields"},
		{"verified, though DMARC fails", Policy{}, Finding{Verdict: record.Verified, From: "x@e.example"}, Evidence{dmarc(Fail, "reject")}, labelInbox, ""},
		{"pending, though DMARC fails", Policy{}, Finding{Verdict: record.Pending, From: "x@e.example"}, Evidence{dmarc(Fail, "reject")}, labelInbox, ""},
		{"missing, from its domain", Policy{}, Finding{Verdict: record.Missing, Domains: []string{"e.example"}}, Evidence{dmarc(Pass, "")}, labelInbox, "own signature"},
		{"changed", Policy{}, Finding{Verdict: record.Differs}, nil, labelInbox, "mailing lists change"},
		{"changed, decisive", Policy{}, Finding{Verdict: record.Differs, Decisive: true}, nil, labelSpam, "no honest relay"},
		{"changed, decisive, by somebody known", Policy{}, Finding{Verdict: record.Differs, Decisive: true, From: "x@e.example"},
			Evidence{wrote("x@e.example"), dkim}, labelSpam, "no honest relay"},
		{"changed, delivered before", Policy{}, Finding{Verdict: record.Differs, Before: true}, nil, labelSpam, "used before"},
		{"replayed", Policy{}, Finding{Verdict: record.Replayed, Unnamed: true}, nil, labelSpam, "only has a copy"},
		{"replayed, altered", Policy{}, Finding{Verdict: record.Replayed, Unnamed: true, Decisive: true}, nil, labelSpam, "it was changed as no honest relay changes mail, and sent to you by somebody who only has a copy"},
		{"replayed, of a list written to", Policy{}, Finding{Verdict: record.Replayed, Unnamed: true, RecordedFor: []string{"b@e.example", list}},
			Evidence{wrote(list)}, labelInbox, "recorded for " + list},
		{"replayed, of a list whose mail was called no spam", Policy{}, Finding{Verdict: record.Replayed, Unnamed: true, RecordedFor: []string{list}},
			Evidence{History{NotSpam: true}.Evidence(list)}, labelInbox, "called mail for " + list + " no spam"},
		{"of a list never written to", Policy{}, Finding{Verdict: record.Replayed, Unnamed: true, RecordedFor: []string{list}},
			Evidence{History{Kept: true}.Evidence(list)}, labelSpam, ""},
		{"of a list, though the author is known", Policy{}, Finding{Verdict: record.Replayed, Unnamed: true, From: "x@e.example", RecordedFor: []string{list}},
			Evidence{wrote("x@e.example")}, labelSpam, ""},
		{"of a list, changed", Policy{}, Finding{Verdict: record.Replayed, Unnamed: true, Decisive: true, RecordedFor: []string{list}},
			Evidence{wrote(list)}, labelSpam, ""},
		{"of a list, again", Policy{}, Finding{Verdict: record.Replayed, Unnamed: true, Before: true, RecordedFor: []string{list}},
			Evidence{wrote(list)}, labelSpam, ""},
		{"missing", Policy{}, Finding{Verdict: record.Missing, Domains: []string{"org.example"}}, nil, labelSpam, "is missing"},
		{"missing, signed", Policy{}, Finding{Verdict: record.Missing, Domains: []string{"org.example"}}, Evidence{dkim}, labelInbox, "own signature"},
		{"missing, signed by another", Policy{}, Finding{Verdict: record.Missing, Domains: []string{"other.example"}}, Evidence{dkim}, labelSpam, ""},
		{"missing, signed by one of two", Policy{}, Finding{Verdict: record.Missing, Domains: []string{"org.example", "other.example"}}, Evidence{dkim}, labelSpam, ""},
		{"missing, signed wrongly", Policy{}, Finding{Verdict: record.Missing, Domains: []string{"org.example"}},
			Evidence{{Method: "dkim", Result: Fail, About: "org.example"}}, labelSpam, ""},
		{"missing, without an author", Policy{}, Finding{Verdict: record.Missing}, Evidence{{Method: "dkim", Result: Pass}}, labelSpam, ""},
		{"missing, an author without a domain", Policy{}, Finding{Verdict: record.Missing, Domains: []string{""}}, Evidence{{Method: "dkim", Result: Pass}}, labelSpam, ""},
		{"missing, our own, signed", Policy{}, Finding{Verdict: record.Missing, Own: true, Domains: []string{"org.example"}}, Evidence{dkim}, labelSpam, "claims one of our own domains"},
		{"missing, perhaps our own, signed", Policy{}, Finding{Verdict: record.Missing, Own: true, Untold: true, Domains: []string{"*"}}, Evidence{dkim}, labelSpam,
			"whom it claims to be from cannot be told: it may be somebody of our own, whose mail has our record"},
		{"invalid", Policy{}, Finding{Verdict: record.Invalid, Lasting: true}, nil, labelSpam, "invalid"},
		{"invalid, put apart", Policy{Invalid: InvalidQuarantine}, Finding{Verdict: record.Invalid}, nil, labelQuarantine, "put apart"},
	} {
		d := Decide(c.policy, c.f, c.e)
		if want := []string{VerdictLabel(c.f.Verdict), c.box}; !slices.Equal(d.Labels, want) || d.Hold != (c.box == labelQuarantine) || d.Refuse != "" || d.Discard {
			t.Errorf("%s: %+v, want %q", c.name, d, want)
		}
		if why := strings.Join(d.Reasons, "; "); !strings.Contains(why, c.says) {
			t.Errorf("%s: %q does not say %q", c.name, why, c.says)
		}
	}
}

// Only what is invalid for good is dropped or refused.
func TestInvalidForGood(t *testing.T) {
	for _, lasting := range []bool{true, false} {
		f := Finding{Verdict: record.Invalid, Lasting: lasting, Reasons: []string{"the path is wrong"}}
		if d := Decide(Policy{Invalid: InvalidDiscard}, f, nil); d.Discard != lasting || d.Refuse != "" {
			t.Errorf("lasting %v, discard: %+v", lasting, d)
		}
		d := Decide(Policy{Invalid: InvalidRefuse}, f, nil)
		if (d.Refuse != "") != lasting || d.Discard {
			t.Errorf("lasting %v, refuse: %+v", lasting, d)
		}
		if lasting && !strings.HasSuffix(d.Refuse, "the path is wrong") {
			t.Errorf("refused: %q", d.Refuse)
		}
	}
}

// However much evidence speaks for it, what differs decisively, was delivered
// before or forges one of our own domains is not in the inbox; and the place is
// always exactly one.
func TestNoEvidenceOutweighs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := Finding{
			Verdict:  rapid.SampledFrom(record.Verdicts()).Draw(t, "verdict"),
			From:     "x@org.example",
			Domains:  []string{"org.example"},
			Own:      rapid.Bool().Draw(t, "own"),
			Lasting:  rapid.Bool().Draw(t, "lasting"),
			Decisive: rapid.Bool().Draw(t, "decisive"),
			Before:   rapid.Bool().Draw(t, "before"),
			Unnamed:  rapid.Bool().Draw(t, "unnamed"),
		}
		if rapid.Bool().Draw(t, "list") {
			f.RecordedFor = []string{list}
		}
		var e Evidence
		for range rapid.IntRange(0, 6).Draw(t, "results") {
			e = append(e, Result{
				Method: rapid.SampledFrom([]string{"spf", "dkim", "dmarc", "arc", MethodHistory, MethodForwarder, MethodRecord}).Draw(t, "method"),
				Result: rapid.SampledFrom([]string{Pass, Fail, None}).Draw(t, "result"),
				About:  rapid.SampledFrom([]string{"org.example", list, f.From, ""}).Draw(t, "about"),
				Policy: rapid.SampledFrom([]string{"", "none", "quarantine", "reject"}).Draw(t, "wanted"),
			})
		}
		p := Policy{Invalid: rapid.SampledFrom([]Invalid{"", InvalidSpam, InvalidQuarantine, InvalidDiscard, InvalidRefuse}).Draw(t, "policy")}
		d := Decide(p, f, e)
		if len(d.Labels) != 2 {
			t.Fatalf("labels %q", d.Labels)
		}
		bad := f.Verdict == record.Invalid || f.Verdict == record.Missing && f.Own ||
			(f.Verdict == record.Differs || f.Verdict == record.Replayed) && (f.Decisive || f.Before)
		if bad && d.Labels[1] == labelInbox {
			t.Fatalf("%+v with %+v is in the inbox: %+v", f, e, d)
		}
		if (d.Discard || d.Refuse != "") && !(f.Verdict == record.Invalid && f.Lasting) {
			t.Fatalf("%+v is dropped or refused: %+v", f, d)
		}
	})
}

func TestMoves(t *testing.T) {
	spam := Decision{Labels: []string{"verdict/invalid", labelSpam}}
	inbox := Decision{Labels: []string{"verdict/pending", labelInbox}}
	for _, c := range []struct {
		name        string
		has         []string
		was, now    Decision
		add, remove []string
	}{
		{"follows", []string{labelSpam, "unread", "verdict/invalid"}, spam, inbox, inbox.Labels, spam.Labels},
		{"moved by its reader", []string{"keep", "verdict/invalid"}, spam, inbox, inbox.Labels[:1], spam.Labels[:1]},
		{"the same", []string{labelSpam, "verdict/invalid"}, spam, spam, nil, nil},
		{"another verdict, the same place", []string{labelInbox, "verdict/pending"}, inbox,
			Decision{Labels: []string{"verdict/verified", labelInbox}}, []string{"verdict/verified"}, []string{"verdict/pending"}},
	} {
		if add, remove := Moves(c.has, c.was, c.now); !slices.Equal(add, c.add) || !slices.Equal(remove, c.remove) {
			t.Errorf("%s: add %q, remove %q", c.name, add, remove)
		}
	}
}

func TestFindingOf(t *testing.T) {
	same := record.Part{Type: message.Text, Outcome: record.Same}
	facts := record.Facts{TokenPresent: true, TokenValid: true, RecipientInRecord: true, From: "jo@org.example",
		Comparison: record.Comparison{Parts: []record.Part{same}, Same: 1, Recorded: 1, RecipientInRecord: true}}
	whole := FindingOf(record.Verified, nil, nil, &facts)
	if whole.Decisive || whole.Before || whole.Unnamed || whole.Lasting || whole.Own {
		t.Errorf("%+v", whole)
	}
	untold := facts
	untold.OwnDomain = message.AnyDomain
	if f := FindingOf(record.Missing, nil, nil, &untold); !f.Own || !f.Untold || whole.Untold {
		t.Errorf("whom it claims cannot be told: %+v", f)
	}
	// That the recipient is another one is no difference of the content.
	elsewhere := facts
	elsewhere.Comparison.Parts = append(slices.Clone(facts.Comparison.Parts), record.Part{Type: message.Recipient, Outcome: record.Extra, Kind: record.NotRecorded})
	elsewhere.Comparison.RecipientInRecord, elsewhere.RecipientInRecord = false, false
	if f := FindingOf(record.Replayed, nil, nil, &elsewhere); f.Decisive || !f.Unnamed {
		t.Errorf("%+v", f)
	}
	other := facts
	other.Comparison.Parts = []record.Part{{Type: message.Text, Outcome: record.Changed}}
	other.Comparison.Same = 0
	if f := FindingOf(record.Invalid, nil, nil, &other); !f.Decisive || !f.Lasting {
		t.Errorf("%+v", f)
	}
	unknown := facts
	unknown.TokenValid = false // its key may be enrolled yet
	if f := FindingOf(record.Invalid, nil, nil, &unknown); f.Lasting {
		t.Errorf("%+v", f)
	}
}
