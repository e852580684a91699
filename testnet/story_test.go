package testnet_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cairn/consensus"
	"cairn/consensus/record"
	"cairn/mailstore/outbox"
	"cairn/mailstore/testenv"
	"cairn/node/api"
	"cairn/testnet"
)

// TestStory runs what a newcomer runs first.
func TestStory(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := testnet.Run(t.Context(), testnet.Options{Exit: true, Out: &out, Err: os.Stderr}); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{
		"verdict at arrival: ", "verified: its record is in block", "stands on all 3 nodes",
		"finds it: bob/1", "verdict: changed, filed under spam", "text: differs",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the story does not say %q:\n%s", want, out.String())
		}
	}
}

// TestStoryJSON has the same as one document.
func TestStoryJSON(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := testnet.Run(t.Context(), testnet.Options{Orgs: 2, Dir: t.TempDir(), Exit: true, JSON: true, Out: &out, Err: os.Stderr}); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	var r testnet.Report
	dec := json.NewDecoder(&out)
	if err := dec.Decode(&r); err != nil {
		t.Fatal(err)
	}
	if len(r.Members) != 2 || r.Story.Tampered.Verdict != "changed" || r.Story.Everywhere != 2 {
		t.Errorf("the report is %+v", r)
	}
	if dec.More() {
		t.Error("there is more than one document")
	}
}

// TestCorpus sends a few messages of our own that are hard on gateways.
func TestCorpus(t *testing.T) {
	runCorpus(t, filepath.Join("testdata", "corpus"), 2)
}

// TestCorpusMail sends real mail of every kind.
func TestCorpusMail(t *testing.T) {
	data := testenv.Folder(t, "CAIRN_TESTDATA")
	for _, kind := range []string{"ham", "spam", "intl"} {
		t.Run(kind, func(t *testing.T) { runCorpus(t, filepath.Join(data, kind), 0) })
	}
}

func runCorpus(t *testing.T, dir string, refused int) {
	t.Helper()
	var out bytes.Buffer
	if err := testnet.Run(t.Context(), testnet.Options{Orgs: 2, Exit: true, JSON: true, Corpus: dir, Out: &out, Err: os.Stderr}); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	var r testnet.Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	c := r.Corpus
	t.Logf("%d sent, %d refused %v, %d delivered, %v", c.Sent, c.Refused, c.Reasons, c.Delivered, c.Verdicts)
	if c.Sent == 0 || c.Delivered != c.Sent-c.Refused {
		t.Errorf("%d sent, %d refused, %d delivered", c.Sent, c.Refused, c.Delivered)
	}
	if refused != 0 && c.Refused != refused {
		t.Errorf("%d refused, want %d: %v", c.Refused, refused, c.Reasons)
	}
	if n := c.Verdicts["verified"] + c.Verdicts["vouched"]; n != c.Delivered {
		t.Errorf("of %d delivered only %d are verified or vouched: %v", c.Delivered, n, c.Verdicts)
	}
}

// TestLocalPartCase sends to an address in another spelling than the account's:
// the record has it as given, and so has the recipient's check.
func TestLocalPartCase(t *testing.T) {
	t.Parallel()
	w, ctx := start(t, 2)
	raw := testnet.Compose(w.Address(0), "Bob <BOB@Bravo.Test>", "case", "hello\n")
	if err := testnet.SendOne(w.Members[0].SubmissionAddr(), w.Address(0), "BOB@Bravo.Test", raw); err != nil {
		t.Fatal(err)
	}
	mail, err := w.Members[1].AwaitMail(ctx, "bob", testnet.Subject("case"))
	if err != nil {
		t.Fatal(err)
	}
	if v := mail.Verdict(); v != record.Pending && v != record.Verified {
		t.Errorf("the verdict is %s: %v", v, mail.Finding.Reasons)
	}
}

// TestMailBeforeEnrolment trusts an organisation and writes to it before any
// block has its enrolment: the mail is taken and waits.
func TestMailBeforeEnrolment(t *testing.T) {
	t.Parallel()
	w, ctx := start(t, 1)
	a := w.Members[0]
	key := consensus.PublicKey(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if _, err := a.Trust(ctx, api.TrustRequest{Domain: "soon.test", Key: key.String(), EvenSo: true}); err != nil {
		t.Fatal(err)
	}
	send := func(to string) error {
		return testnet.SendOne(a.SubmissionAddr(), w.Address(0), to, testnet.Compose(w.Address(0), to, "early", "hello\n"))
	}
	if err := send("bob@nowhere.test"); err == nil || !strings.Contains(err.Error(), "nowhere.test: no node of the network serves this domain") {
		t.Errorf("to nobody: %v", err)
	}
	if err := send("bob@soon.test"); err != nil {
		t.Fatal(err)
	}
	waiting, err := a.Queue().List(0, 10)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(waiting, func(e outbox.Entry) bool { return e.Domain == "soon.test" }) {
		t.Errorf("the mail to an organisation that is trusted but not enrolled waits no longer: %+v", waiting)
	}
}
