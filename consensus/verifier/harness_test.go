package verifier

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"cairn/consensus"
	"cairn/consensus/chain"
	"cairn/consensus/chain/chaintest"
	"cairn/consensus/record"
	"cairn/consensus/recorder"
	"cairn/mailstore"
	"cairn/mailstore/scratch"
	"cairn/mailstore/testenv"
	"cairn/smtpgw"
	"cairn/smtpgw/screen"
)

func TestMain(m *testing.M) {
	checks := "4" // each opens a database; the command line may ask for more
	if testenv.CI() {
		checks = "30"
	}
	if err := flag.Set("rapid.checks", checks); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(scratch.InMemory(m))
}

var quiet = slog.New(slog.DiscardHandler)

// late is a wall clock at which every block of these tests is in the past.
var late = chaintest.GenesisTime.AddDate(1, 0, 0)

const (
	ann = "ann@org2.example" // has an account here
	ben = "ben@org2.example" // has another
	jo  = "jo@org1.example"  // writes
)

// world is a receiving node of organisation 2, without its network.
type world struct {
	testing.TB
	net    *chaintest.Network
	chain  *chain.Manager
	dir    string // of store
	store  *mailstore.Store
	trust  *Trust
	cfg    Config
	filing filing
	v      *Verifier
	micros map[int][]consensus.MicroRoot // by organisation: sealed, in no batch yet
	epoch  uint64                        // in which all seal; 0 under version 1
	seeds  uint64
	miner  int // organisation that makes the blocks
	blocks int
	now    time.Time // when mail arrives

	clockWrong bool // and is known to be
}

// setting is what worlds differ in.
type setting struct {
	orgs   int // all enrolled in block 1 unless late
	late   bool
	cfg    Config
	policy screen.Policy
	dns    LookupTXT
	pins   []int // organisations pinned for their domains
	change func(*chaintest.Network)
	epochs bool // parameters of version 2
}

func newWorld(t testing.TB, s setting) *world {
	t.Helper()
	w := &world{TB: t, dir: t.TempDir(), micros: make(map[int][]consensus.MicroRoot)}
	params := chaintest.Params()
	if s.epochs {
		params, w.epoch = chaintest.ParamsV2(), chaintest.Epoch
	}
	w.net = chaintest.NewWith(params, max(s.orgs, 2))
	if s.change != nil {
		s.change(w.net)
	}
	w.now = chaintest.GenesisTime
	var err error
	w.chain, err = chain.OpenStore(chain.InMemory(), w.net.Genesis, quiet)
	w.must(err)
	w.store, err = mailstore.Open(w.dir, quiet)
	w.must(err)
	t.Cleanup(func() {
		w.TB = t // a subtest's may stand there
		w.indexed()
		w.must(w.store.Close())
	})
	w.trust, err = OpenTrust(w.store, s.dns)
	w.must(err)
	for _, i := range s.pins {
		w.pin(i)
	}
	w.cfg = s.cfg
	w.cfg.Distrust = func() bool { return w.clockWrong }
	w.filing = filing{smtpgw.NewFiling(s.policy), s.policy}
	w.restart()
	w.must(w.store.Update(context.Background(), func(tx *mailstore.Tx) error {
		for _, a := range []string{ann, ben} {
			if _, err := tx.AddAccount(a[:3], []string{a}); err != nil {
				return err
			}
		}
		return nil
	}))
	if !s.late {
		w.mine(chaintest.Body{Events: w.net.Enrolments()})
	}
	return w
}

// restart makes the verifier anew over the same stores.
func (w *world) restart() { w.v = New(w.store, w.chain, w.trust, w.cfg, w.filing, quiet) }

// filing puts mail where the gateway does.
type filing struct {
	*smtpgw.Filing
	policy screen.Policy
}

func screened(f *Finding) screen.Finding {
	return screen.FindingOf(f.Verdict, f.Reasons, f.Domains, &f.Facts)
}

func (f filing) Refile(tx *mailstore.Tx, ref mailstore.Ref, was, now *Finding) error {
	return f.Filing.Refile(tx, ref, screened(was), screened(now))
}

func (f filing) decide(found *Finding) screen.Decision {
	s := screened(found)
	return screen.Decide(f.policy, s, s.Evidence())
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) pin(i int) {
	w.Helper()
	p := Pin{Domain: w.net.Orgs[i].Domain, Key: consensus.PublicKey(w.net.Orgs[i].Key), Source: SourceTrust}
	w.must(w.trust.Pin(context.Background(), p, true))
}

// add gives the chain a block on top of s and follows.
func (w *world) add(s *consensus.State, body chaintest.Body) *consensus.State {
	w.Helper()
	b, next := w.block(s, body)
	w.take(b)
	return next
}

// branch gives the chain so many empty blocks on top of s, as a branch that another node was seen
// to have, and follows each.
func (w *world) branch(s *consensus.State, blocks int) *consensus.State {
	w.Helper()
	var list []*consensus.Block
	for range blocks {
		var b *consensus.Block
		b, s = w.block(s, chaintest.Body{})
		list = append(list, b)
	}
	w.must(chaintest.Announce(w.chain.NewBranch(), list, late))
	for _, b := range list {
		w.take(b)
	}
	return s
}

// block makes a block on top of s. No two are the same, not even empty ones on one parent.
func (w *world) block(s *consensus.State, body chaintest.Body) (*consensus.Block, *consensus.State) {
	w.blocks++
	body.Time = time.UnixMilli(int64(s.Time())).Add(chaintest.Interval).Add(time.Duration(w.blocks) * time.Millisecond)
	b := w.net.Mine(s, w.miner, body)
	next, _ := consensus.ApplyBlock(s, b)
	return b, next
}

func (w *world) take(b *consensus.Block) {
	w.Helper()
	if _, err := w.chain.AddBlock(b, late); err != nil {
		w.Fatal(err)
	}
	w.follow()
}

func (w *world) mine(body chaintest.Body) { w.Helper(); w.add(w.chain.State(), body) }

func (w *world) mineEmpty(n int) {
	w.Helper()
	for range n {
		w.mine(chaintest.Body{})
	}
}

func (w *world) follow() { w.Helper(); w.must(w.v.Follow(context.Background(), w.now)) }

// letter is a mail of 9 components and a recipient; extra are header fields.
func letter(from, extra, text string) []byte {
	return fmt.Appendf(nil, "%sReceived: from laptop by mx.org1.example with ESMTP id 1; Thu, 1 Jan 2026 00:00:00 +0000\r\n"+
		"From: %s\r\nTo: %s\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\nSubject: Figures\r\nMessage-ID: <%x@org1.example>\r\n\r\n%s\r\n",
		extra, from, ann, len(text), text)
}

const text = "Dear Ann,\r\n\r\npay 100 to Bob.\r\n"

// seal records raw for rcpts with the recorder key of organisation org and
// returns it with its token on top.
func (w *world) seal(org int, raw []byte, rcpts ...string) []byte {
	return append(w.token(org, w.draft(raw, rcpts...)).Header(), raw...)
}

func (w *world) draft(raw []byte, rcpts ...string) recorder.Draft {
	w.seeds++
	var secret record.Secret
	copy(secret[:], fmt.Sprint(w.seeds))
	return recorder.NewDraft(secret, raw, rcpts, record.Wish{}, w.now)
}

// series is the one that organisation org's batches are of.
func (w *world) series(org int) consensus.Series {
	return consensus.Series{Recorder: w.net.Orgs[org].RecorderKey(), Epoch: w.epoch}
}

// token puts a draft into the open batch of organisation org.
func (w *world) token(org int, d recorder.Draft) *record.Token {
	tip, _ := w.chain.State().BatchTip(w.series(org))
	place := recorder.Place{Chain: w.chain.State().ChainID(), Epoch: w.epoch, Seq: tip.Seq + 1, Micro: uint16(len(w.micros[org]))}
	micro, tokens := recorder.Tokens(w.net.Orgs[org].Recorder, place, []recorder.Draft{d})
	w.micros[org] = append(w.micros[org], micro)
	return &tokens[0]
}

// batch closes what was sealed.
func (w *world) batch(org int) consensus.Batch {
	s := w.chain.State()
	tip, _ := s.BatchTip(w.series(org))
	b := consensus.Batch{
		ChainID: s.ChainID(), Epoch: w.epoch, Seq: tip.Seq + 1, Prev: tip.ID,
		Time: max(tip.Time, s.Time()) + 1, Micros: w.micros[org],
	}
	b.Seal(nil, s.Params(), w.net.Orgs[org].Recorder)
	w.micros[org] = nil
	return b
}

// include mines what organisation org has sealed.
func (w *world) include(org int) {
	w.Helper()
	w.mine(chaintest.Body{Batches: []consensus.Batch{w.batch(org)}})
}

// courier is the key of the node of organisation org.
func (w *world) courier(org int) *consensus.Key {
	k := w.net.Orgs[org].Event.Enrol().Nodes[0].Node
	return &k
}

// delivery is what became of one recipient's copy.
type delivery struct {
	mailstore.Ref
	stored bool
}

// deliver does what the gateway does with an arrival.
func (w *world) deliver(raw []byte, courier *consensus.Key, rcpts ...string) []delivery {
	w.Helper()
	as, err := w.v.Check(context.Background(), Arrival{Raw: raw, Recipients: rcpts, Courier: courier, Received: w.now})
	w.must(err)
	return w.put(as, raw, rcpts)
}

func (w *world) put(as *Assessment, raw []byte, rcpts []string) []delivery {
	w.Helper()
	var out []delivery
	w.must(w.store.Update(context.Background(), func(tx *mailstore.Tx) error {
		out = nil
		for _, rcpt := range rcpts {
			a, err := tx.AccountByAddress(rcpt)
			if err != nil {
				return err
			}
			f, again, err := as.Admit(tx, a.ID, rcpt)
			if err != nil {
				return err
			}
			if again {
				out = append(out, delivery{})
				continue
			}
			decision := w.filing.decide(f)
			if decision.Discard {
				out = append(out, delivery{})
				continue
			}
			labels := append(decision.Labels, mailstore.LabelUnread)
			blob, err := tx.PutBlob(raw)
			if err != nil {
				return err
			}
			m := mailstore.Message{Account: a.ID, Blob: blob, Size: int64(len(raw)), Received: w.now, Recipients: []string{rcpt}}
			if m.ID, err = tx.AddMessage(m, labels); err != nil {
				return err
			}
			if err := as.Stored(tx, rcpt, m); err != nil {
				return err
			}
			out = append(out, delivery{m.Ref(), true})
		}
		return nil
	}))
	return out
}

// arrive delivers raw to ann alone and returns her copy.
func (w *world) arrive(raw []byte) mailstore.Ref {
	w.Helper()
	d := w.deliver(raw, nil, ann)[0]
	if !d.stored {
		w.Fatal("the mail was not stored")
	}
	return d.Ref
}

func (w *world) finding(r mailstore.Ref) *Finding {
	w.Helper()
	f, err := w.find(r)
	w.must(err)
	return f
}

func (w *world) labels(r mailstore.Ref) (labels []string) {
	w.Helper()
	w.must(w.store.View(func(rd *mailstore.Reader) (err error) {
		labels, err = rd.Labels(r.Account, r.Message)
		return err
	}))
	return labels
}

// expect checks a copy's verdict, and that its labels say the same.
func (w *world) expect(r mailstore.Ref, when string, verdict record.Verdict, box string) {
	w.Helper()
	f := w.finding(r)
	if f.Verdict != verdict {
		w.Fatalf("%s: verdict %s (%q), want %s", when, f.Verdict, f.Reasons, verdict)
	}
	want := []string{box, mailstore.LabelUnread, screen.VerdictLabel(verdict)}
	slices.Sort(want)
	if got := w.labels(r); !slices.Equal(got, want) {
		w.Fatalf("%s: labels %q, want %q", when, got, want)
	}
}

// keys lists what the verifier keeps below a prefix.
func (w *world) keys(prefix string) (keys [][]byte) {
	w.Helper()
	w.must(w.store.View(func(rd *mailstore.Reader) (err error) {
		keys, err = scanKeys(rd.Space(space), []byte(prefix), nil, 1<<20)
		return err
	}))
	return keys
}
