package verdicts

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cairn/consensus/record"
	"cairn/mailstore/testenv"
)

var at = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

func pairs(t *testing.T, dir string) map[string]*Pair {
	t.Helper()
	entries, err := Find(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]*Pair)
	for _, e := range entries {
		if all[e.Name], err = e.Read(); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// TestJudge says of each pair of our own what becomes of it, with nothing known and with what Learn
// reads off it.
func TestJudge(t *testing.T) {
	all := pairs(t, filepath.Join("testdata", "pairs"))
	cases := []struct{ pair, direct, known, learnt, says string }{
		{"relay", "verified inbox", "verified inbox", "", "all parts are as recorded"},
		{"list", "changed inbox", "vouched inbox", "the list devs@lists.example", "Sent on by lists.example. Recorded by orig.example for ana@orig.example: lines 1 to 6."},
		{"list-reply", "changed inbox", "vouched inbox", "the list devs@lists.example", `the spelling or the place of "Re:"`},
		{"munged", "changed spam", "vouched inbox", "the list devs@lists.example", "the address in From"},
		{"footer", "changed inbox", "vouched inbox", "the list devs@lists.example", "last 3 lines"},
		{"map", "changed spam", "changed inbox", "the address map ana=orig.example@relay.example = ana@orig.example",
			"which is trusted for the From domain\nfrom: addresses were rewritten by the configured map"},
		{"banner", "changed spam", "changed inbox", `the banner "CAUTION: this mail comes from outside."`, "the banner of the own gateway"},
		{"banner-html", "changed spam", "changed inbox", `the banner "<div>CAUTION: from outside</div>"`, "the banner of the own gateway"},
		{"external", "changed inbox", "changed inbox", "", "[EXTERNAL]"},
		{"links", "changed spam", "changed spam", "", "html: differs"},
		{"digit", "changed spam", "changed spam", "", "text: differs"},
		{"list-digit", "changed spam", "changed spam", "the list devs@lists.example", "text: differs"},
		{"account", "changed spam", "changed spam", "", "DE02 1203"},
		{"from", "changed spam", "changed spam", "", "not by the From domain's organisation"},
		{"map-from", "changed spam", "changed spam", "", "orig.example.evil.example"},
		{"evil-list", "changed spam", "changed spam", "", "news.evil.example"},
		{"gone", "invalid spam", "invalid spam", "", "less than 75 %"},
	}
	for _, c := range cases {
		p := all[c.pair]
		if p == nil {
			t.Fatalf("no pair %s", c.pair)
		}
		delete(all, c.pair)
		k := Learn(p)
		if got := strings.Join(k.Says(), "\n"); !strings.HasPrefix(got, c.learnt) || c.learnt == "" && got != "" {
			t.Errorf("%s: learnt %q, want %q", c.pair, got, c.learnt)
		}
		direct, known := judge(t, p, Knowledge{}), judge(t, p, k)
		if got := became(direct); got != c.direct {
			t.Errorf("%s: %s with nothing known, want %s: %q", c.pair, got, c.direct, direct.Reasons)
		}
		if got := became(known); got != c.known {
			t.Errorf("%s: %s, want %s: %q", c.pair, got, c.known, known.Reasons)
		}
		if why := strings.Join(known.Reasons, "\n"); !strings.Contains(why, c.says) {
			t.Errorf("%s: %q does not say %q", c.pair, why, c.says)
		}
	}
	for name := range all {
		t.Errorf("nothing is expected of pair %s", name)
	}
}

func judge(t *testing.T, p *Pair, k Knowledge) *Outcome {
	t.Helper()
	o, err := Judge(p, k, at)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func became(o *Outcome) string { return string(o.Verdict) + " " + o.Filed }

// What the account was tricked into knowing does not help whoever tampers: no list, map or banner
// makes another price wanted.
func TestKnowledgeCoversNoTampering(t *testing.T) {
	m, err := record.ParseAddressMap([]string{"@relay.example = @orig.example"})
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range pairs(t, filepath.Join("testdata", "pairs")) {
		if p.Class != Tamper {
			continue
		}
		o := judge(t, p, Knowledge{List: ListAt("devs@lists.example"), Map: m, Banners: []string{"CAUTION: this mail comes from outside."}})
		if o.Inbox() {
			t.Errorf("%s is in the inbox: %q", name, o.Reasons)
		}
	}
}

func TestRun(t *testing.T) {
	entries, err := Find("testdata")
	if !errors.Is(err, ErrNoPairs) {
		t.Fatalf("of a folder without pairs: %d, %v", len(entries), err)
	}
	if entries, err = Find(filepath.Join("testdata", "pairs")); err != nil {
		t.Fatal(err)
	}
	done := 0
	r, err := Run(t.Context(), entries, Options{At: at, Progress: func(n int) { done = n }})
	if err != nil || done != len(entries) {
		t.Fatalf("%d of %d pairs done: %v", done, len(entries), err)
	}
	benign, tamper := r.Classes[Benign], r.Classes[Tamper]
	if want := (Count{Pairs: 10, Verified: 1, Vouched: 4, Changed: 4, Inbox: 9, Spam: 1}); benign.Count != want || *benign.Known != want {
		t.Errorf("benign %+v, want %+v", benign, want)
	}
	if want := (Count{Pairs: 10, Verified: 1, Changed: 4, Inbox: 5, Spam: 5}); benign.Direct != want {
		t.Errorf("benign with nothing known %+v, want %+v", benign.Direct, want)
	}
	if want := (Count{Pairs: 7, Spam: 7, Invalid: 1}); tamper.Count != want || tamper.Direct != want {
		t.Errorf("tampered %+v, want %+v", tamper, want)
	}
	if len(r.Rest) != 1 || r.Rest[0].Pair != "links" || len(r.Rest[0].Decides) != 1 || len(r.Rest[0].Reasons) < 3 {
		t.Errorf("the rest is %+v", r.Rest)
	}
	holds := []bool{false, true, true, true}
	if !slices.EqualFunc(r.Targets, holds, func(t Target, h bool) bool { return t.Holds == h }) {
		t.Errorf("targets %+v, want %v", r.Targets, holds)
	}

	direct, err := Run(t.Context(), entries, Options{At: at, Direct: true})
	if err != nil || direct.Classes[Benign].Count != benign.Direct || direct.Classes[Benign].Known != nil {
		t.Errorf("with nothing known %+v, %v", direct.Classes[Benign], err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, entries, Options{At: at}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// What is given by hand counts for pairs of which nobody says what happened, too.
func TestByHand(t *testing.T) {
	dir := t.TempDir()
	for from, to := range map[string]string{"base": "one.a", "list": "one.b", "html": "two.a", "banner-html": "two.b", "munged": "odd.b"} {
		copyFile(t, filepath.Join("testdata", "pairs", "mail", from+".eml"), filepath.Join(dir, to+".eml"))
	}
	entries, err := Find(dir)
	if err != nil || len(entries) != 2 || entries[0].Name != "one" || entries[1].Name != "two" || entries[0].Class != Unknown {
		t.Fatalf("found %+v, %v", entries, err)
	}
	o := Options{At: at, Lists: []record.Forwarder{*ListAt("devs@lists.example")}, Banners: []string{"<div>CAUTION: from outside</div>"}}
	r, err := Run(t.Context(), entries, o)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Classes[Unknown]; got.Vouched != 1 || got.Changed != 1 || got.Direct.Inbox != 1 {
		t.Errorf("%+v", got)
	}
	if o.Lists[0] = *ListAt("others@else.example"); o.known(&Pair{}).List != nil {
		t.Error("a list counts for pairs that do not mention it")
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestData holds what the measure shows over a folder of real relays and lists.
func TestData(t *testing.T) {
	dir := testenv.Folder(t, "CAIRN_TESTDATA")
	entries, err := Find(dir)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Run(t.Context(), entries, Options{At: at})
	if err != nil {
		t.Fatal(err)
	}
	benign, tamper := r.Classes[Benign], r.Classes[Tamper]
	if benign.Pairs < 500 || tamper.Pairs < 50 || r.Classes[Unknown] != nil {
		t.Fatalf("%d benign and %d tampered pairs", benign.Pairs, tamper.Pairs)
	}
	if tamper.Inbox+tamper.Verified+tamper.Direct.Inbox+tamper.Direct.Verified > 0 {
		t.Errorf("of the tampered pairs some are wanted: %+v", tamper)
	}
	if benign.Invalid+benign.Direct.Invalid > 0 {
		t.Errorf("of the benign pairs some are invalid: %+v", benign)
	}
	const least = 97.0 // per cent
	share := 100 * float64(benign.Inbox) / float64(benign.Pairs)
	t.Logf("%.1f %% of the benign pairs are in the inbox: %+v", share, benign.Count)
	if share < least {
		for _, rest := range r.Rest {
			t.Logf("%s: %s, %q", rest.Pair, rest.Verdict, rest.Decides)
		}
		t.Errorf("%.1f %% of the benign pairs are in the inbox, at least %.1f %% expected", share, least)
	}
	for _, rest := range r.Rest {
		if len(rest.Reasons) == 0 || len(rest.Decides) == 0 {
			t.Errorf("nothing says why %s is not in the inbox", rest.Pair)
		}
	}
}
