package recorder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/mailstore/outbox"
)

var mail = []byte("From: jo@org1.example\r\nTo: ann@d0.example\r\nSubject: Hi\r\nMessage-ID: <1@org1.example>\r\n\r\nHello.\r\n")

func newOffice(t testing.TB, orgs int) *office {
	o := openOffice(t, t.TempDir(), orgs)
	t.Cleanup(o.close)
	return o
}

func TestSealAndRecord(t *testing.T) {
	o := newOffice(t, 1)
	refs := o.submit(3, 2, mail)
	o.must(o.step())
	if n := o.check(); n != 6 {
		t.Fatalf("%d entries are sealed, want 6", n)
	}
	if len(o.sent) != 1 || o.recorded(refs...) != 0 {
		t.Fatalf("%d batches submitted, %d messages recorded before any block", len(o.sent), o.recorded(refs...))
	}
	inNoBlock := func() (n int) {
		o.must(o.store.View(func(rd *mailstore.Reader) error {
			w, err := o.rec.Status(rd)
			n = w.Copies
			return err
		}))
		return n
	}
	if n := inNoBlock(); n != 3 {
		t.Errorf("%d messages are in no block, want 3", n)
	}
	before := o.chain.State()
	s := o.mine(before, window)
	o.must(o.step())
	if o.recorded(refs...) != 3 || inNoBlock() != 0 {
		t.Fatalf("%d messages are recorded, want 3; %d are in no block, want none", o.recorded(refs...), inNoBlock())
	}
	tokens, err := o.queue.sealed()
	o.must(err)
	block, err := o.chain.Block(s.Tip())
	o.must(err)
	for id, token := range tokens {
		if block.Batches[0].Micros[token.Micro] != token.MicroRoot() {
			t.Errorf("the token of entry %d is not of the block", id)
		}
		if v, r := token.Version, token.Record; v != 2 || r.Version != 2 || r.Kind != record.KindMail || r.Epoch != 0 {
			t.Errorf("entry %d has a token of version %d, record of version %d, %s, epoch %d", id, v, r.Version, r.Kind, r.Epoch)
		}
	}
	o.sent = nil
	other := o.add(o.add(before, chaintest.Body{}), chaintest.Body{})
	o.must(o.step())
	if o.recorded(refs...) != 0 || len(o.sent) != 1 {
		t.Fatalf("after the block was reverted %d are recorded, %d batches offered again", o.recorded(refs...), len(o.sent))
	}
	o.mine(other, window)
	o.must(o.step())
	if o.recorded(refs...) != 3 {
		t.Fatal("not recorded on the other branch")
	}
}

// fill leaves room for one more micro-batch in the open batch.
func (o *office) fill() {
	o.must(o.rec.load())
	for i := len(o.rec.open.Micros); i < consensus.MaxMicros-1; i++ {
		o.rec.open.Micros = append(o.rec.open.Micros, consensus.MicroRoot{Root: consensus.Hash{byte(i)}, Count: 1})
	}
}

// The records of one message go into one batch; if there are more than one
// micro-batch holds, the message is recorded when all are in blocks.
func TestRecordsInSeveralBatches(t *testing.T) {
	t.Parallel()
	o := newOffice(t, 1)
	o.submit(1, 3, mail)
	o.submit(1, consensus.MaxMicroRecords, mail)
	o.fill()
	o.must(o.step())
	tokens, err := o.queue.sealed()
	o.must(err)
	if small, first, last := tokens[1].Seq, tokens[4].Seq, tokens[3+consensus.MaxMicroRecords].Seq; small != 1 || first != 2 || last != 2 {
		t.Fatalf("records are in batches %d, %d and %d", small, first, last)
	}
	before := o.nextID
	huge := o.submit(1, consensus.MaxMicroRecords+5, mail)
	o.fill()
	o.must(o.step())
	tokens, err = o.queue.sealed()
	o.must(err)
	if first, last := tokens[before+1].Seq, tokens[o.nextID].Seq; first != 2 || last != 3 {
		t.Fatalf("records are in batches %d and %d", first, last)
	}
	o.now = o.now.Add(2 * chaintest.Interval) // closes batch 3
	o.must(o.step())
	for _, want := range []int{0, 0, 1} {
		o.mine(o.chain.State(), 1)
		o.must(o.step())
		if tip, _ := o.chain.State().BatchTip(o.rec.series(&o.rec.open)); o.recorded(huge...) != want {
			t.Fatalf("recorded with batch %d in a block: %d, want %d", tip.Seq, o.recorded(huge...), want)
		}
	}
}

// label is exact whatever the order in which batches enter and leave.
func TestLabelNeedsAllBatches(t *testing.T) {
	o := newOffice(t, 1)
	ref := o.submit(1, 1, mail)[0]
	in := map[uint64]bool{}
	o.must(o.store.Update(context.Background(), func(tx *mailstore.Tx) error {
		one := []sentCopy{{ref, 1}}
		return errors.Join(noteSent(tx, Place{Seq: 1}, one), noteSent(tx, Place{Seq: 2}, one))
	}))
	for i, step := range []struct {
		seq   uint64
		enter bool
	}{{1, true}, {2, true}, {1, false}, {1, true}, {2, false}, {1, false}, {2, true}} {
		in[step.seq] = step.enter
		o.must(o.store.Update(context.Background(), func(tx *mailstore.Tx) error {
			if step.enter {
				return enter(tx.Space(space), number{0, step.seq}, 5)
			}
			return leave(tx.Space(space), number{0, step.seq})
		}))
		o.must(o.rec.relabel(context.Background()))
		if got, want := o.recorded(ref) == 1, in[1] && in[2]; got != want {
			t.Fatalf("step %d: recorded %v, want %v", i, got, want)
		}
	}
	// One more record of a message that is recorded already.
	o.must(o.store.Update(context.Background(), func(tx *mailstore.Tx) error { return enter(tx.Space(space), number{0, 1}, 5) }))
	o.must(o.rec.relabel(context.Background()))
	if o.recorded(ref) != 1 {
		t.Fatal("not recorded with all batches in blocks")
	}
	o.must(o.store.Update(context.Background(), func(tx *mailstore.Tx) error {
		return noteSent(tx, Place{Seq: 3}, []sentCopy{{ref, 1}})
	}))
	if o.recorded(ref) != 0 {
		t.Error("recorded, though a record is in no block yet")
	}
}

// Many records in one block: more labels than a transaction holds.
func TestManyRecordsInOneBlock(t *testing.T) {
	t.Parallel()
	o := newOffice(t, 1)
	refs := o.submit(9*consensus.MaxMicroRecords, 1, mail)
	o.must(o.step())
	o.mine(o.chain.State(), window)
	o.must(o.step())
	if n := o.recorded(refs...); n != len(refs) {
		t.Fatalf("%d of %d messages are recorded", n, len(refs))
	}
	o.age(keepBlocks + 1)
	o.must(o.step())
	for _, prefix := range []string{"sent/", "of/", "in/", "batch/", "due/"} {
		o.must(o.store.View(func(rd *mailstore.Reader) error {
			return rd.Space(space).Scan([]byte(prefix), nil, func(key, _ []byte) bool {
				t.Errorf("%q is left after %d blocks", key, keepBlocks)
				return false
			})
		}))
	}
	if o.recorded(refs[0]) != 1 {
		t.Error("pruning took the label")
	}
}

// Micro-batches, batches and the window: none of the limits holds mail up.
func TestLimitsHoldUpNothing(t *testing.T) {
	t.Parallel()
	o := newOffice(t, 1)
	for i := range 2*consensus.MaxMicros + 3 {
		o.submit(1, 1, mail)
		o.must(o.step())
		if n := o.check(); n != i+1 {
			t.Fatalf("%d of %d entries are sealed without a block", n, i+1)
		}
	}
	if tip, _ := o.chain.State().BatchTip(o.rec.series(&o.rec.open)); tip.Seq != 0 || o.rec.open.Seq < 3 {
		t.Fatalf("open batch %d", o.rec.open.Seq)
	}
	for o.rec.open.Seq < window+4 { // beyond what may wait for a block
		for range consensus.MaxMicros - len(o.rec.open.Micros) {
			o.rec.open.Micros = append(o.rec.open.Micros, consensus.MicroRoot{Root: consensus.Hash{1}, Count: 1})
		}
		o.must(o.rec.close(context.Background(), o.chain.State(), o.now))
	}
	o.submit(1, 1, mail)
	o.must(o.step())
	if n := o.check(); n != 2*consensus.MaxMicros+4 {
		t.Fatal("mail waits because of the window")
	}
	for _, b := range o.sent {
		if b.Seq > window {
			t.Fatalf("batch %d was submitted beyond the window", b.Seq)
		}
	}
	for range 3 {
		o.mine(o.chain.State(), window)
		o.must(o.step())
	}
	if tip, _ := o.chain.State().BatchTip(o.rec.series(&o.rec.open)); tip.Seq != o.rec.open.Seq-1 {
		t.Fatalf("batch %d of %d is included", tip.Seq, o.rec.open.Seq-1)
	}
}

// A backlog of full micro-batches is sealed in one go.
func TestBacklog(t *testing.T) {
	t.Parallel()
	o := newOffice(t, 1)
	o.submit(3*consensus.MaxMicroRecords+7, 1, mail)
	o.must(o.step())
	if n := o.check(); n != 3*consensus.MaxMicroRecords+7 {
		t.Fatalf("%d entries are sealed", n)
	}
}

// Records gather for half a second, but the first one after a rest does not
// wait.
func TestGathering(t *testing.T) {
	o := newOffice(t, 1)
	o.submit(1, 1, mail)
	next, err := o.rec.step(context.Background(), o.now)
	o.must(err)
	o.submit(1, 1, mail)
	soon := o.now.Add(sealEvery / 5)
	if next > sealEvery {
		t.Fatalf("looks again after %v", next)
	}
	next, err = o.rec.step(context.Background(), soon)
	o.must(err)
	if n := o.check(); n != 1 || next > sealEvery-sealEvery/5 {
		t.Fatalf("%d sealed, looks again after %v", n, next)
	}
	_, err = o.rec.step(context.Background(), soon.Add(next))
	o.must(err)
	if n := o.check(); n != 2 {
		t.Fatalf("%d sealed", n)
	}
}

// Entries that cannot be sealed do not hold up the others.
func TestUnreadableEntries(t *testing.T) {
	o := newOffice(t, 1)
	o.submit(consensus.MaxMicroRecords+10, 1, mail)
	damaged := errors.New("checksum")
	o.queue.broken = map[uint64]error{}
	for id := range uint64(consensus.MaxMicroRecords + 5) { // more than a whole micro-batch
		o.queue.broken[id+1] = damaged
	}
	o.queue.broken[2] = mailstore.ErrNotFound // dropped just now
	o.queue.broken[3] = outbox.ErrGone
	if err := o.step(); !errors.Is(err, damaged) {
		t.Errorf("step says %v", err)
	}
	if n := o.check(); n != 5 {
		t.Fatalf("%d of the 5 good entries are sealed", n)
	}
	if len(o.sent) != 1 {
		t.Error("and their batch was not submitted")
	}
	o.queue.broken = nil
	o.must(o.step())
	if n := o.check(); n != consensus.MaxMicroRecords+10 {
		t.Fatalf("%d are sealed when all can be read", n)
	}
}

// Tokens and entries so big that 1,024 do not fit one transaction.
func TestBigEntries(t *testing.T) {
	t.Parallel()
	o := newOffice(t, 1)
	o.queue.padding = 10
	o.submit(consensus.MaxMicroRecords, 1, mail)
	o.must(o.step())
	if n := o.check(); n != consensus.MaxMicroRecords || len(o.rec.open.Micros)+len(o.sent[0].Micros) < 4 {
		t.Fatalf("%d sealed", n)
	}
}

// flaky is a store whose updates fail when told to.
type flaky struct {
	*mailstore.Store
	fail func() (before, after error)
}

func (f *flaky) Update(ctx context.Context, fn func(*mailstore.Tx) error) error {
	before, after := f.fail()
	if before != nil {
		return before
	}
	return errors.Join(f.Store.Update(ctx, fn), after)
}

// Each update of the store may fail, or fail and have happened all the same.
func TestFailingStore(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		o := newOffice(t, 1)
		trouble := errors.New("disk trouble")
		store := &flaky{o.store, func() (before, after error) {
			switch rapid.IntRange(0, 5).Draw(r, "fault") {
			case 0:
				return trouble, nil
			case 1:
				return nil, trouble
			}
			return nil, nil
		}}
		o.rec.store = store
		var refs []mailstore.Ref
		for range 12 {
			refs = append(refs, o.submit(rapid.IntRange(0, 3).Draw(r, "messages"), 2, mail)...)
			if err := o.step(); err != nil && !errors.Is(err, trouble) {
				r.Fatal(err)
			}
			if rapid.Bool().Draw(r, "mine") {
				o.mine(o.chain.State(), window)
			}
			if rapid.IntRange(0, 3).Draw(r, "restart") == 0 {
				o.restart(0)
				o.rec.store = store
			}
			o.check()
		}
		o.rec.store = o.store
		for range 3 {
			o.now = o.now.Add(4 * chaintest.Interval)
			o.must(o.step())
			o.mine(o.chain.State(), window)
		}
		o.must(o.step())
		if n := o.check(); n != 2*len(refs) || o.recorded(refs...) != len(refs) {
			r.Fatalf("of %d messages %d records are sealed and %d messages recorded", len(refs), n, o.recorded(refs...))
		}
	})
}

// Nothing is signed as long as the signing state cannot be read.
func TestUnreadableSigningState(t *testing.T) {
	o := newOffice(t, 1)
	o.must(o.store.Update(context.Background(), func(tx *mailstore.Tx) error {
		return tx.Space(space).Put([]byte(keyOpen), []byte("{"))
	}))
	o.submit(1, 1, mail)
	if err := o.step(); err == nil {
		t.Error("no error")
	}
	if tokens, err := o.queue.sealed(); err != nil || len(tokens) > 0 {
		t.Errorf("%d entries sealed (%v)", len(tokens), err)
	}
}

// Restarts at any point, the store closed and opened again.
func TestRestarts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	total := 0
	var refs []mailstore.Ref
	for i := range 6 {
		o := openOffice(t, dir, 1)
		o.now = o.now.Add(time.Duration(i) * 10 * time.Second)
		refs = append(refs, o.submit(5, 2, mail)...)
		total += 10
		if i%2 == 0 {
			o.must(o.step())
			o.submit(1, 1, mail)
			total++
			o.must(o.step())
		}
		if i%3 == 2 {
			o.mine(o.chain.State(), 1)
		}
		o.check()
		o.close()
	}
	o := openOffice(t, dir, 1)
	defer o.close()
	o.now = o.now.Add(100 * time.Second)
	for range 3 {
		o.must(o.step())
		o.mine(o.chain.State(), window)
	}
	o.must(o.step())
	if n := o.check(); n != total || o.recorded(refs...) != len(refs) {
		t.Errorf("%d of %d sealed, %d of %d recorded", n, total, o.recorded(refs...), len(refs))
	}
}

// The chain directory was lost and is fetched anew.
func TestStartOver(t *testing.T) {
	t.Parallel()
	o := newOffice(t, 1)
	refs := o.submit(4, 1, mail)
	o.must(o.step())
	o.mine(o.mine(o.chain.State(), window), window)
	o.must(o.step())
	if o.recorded(refs...) != 4 {
		t.Fatal("not recorded")
	}
	o.must(o.db.Close())
	o.openChain("another")
	o.sent = nil
	o.restart(0)
	o.must(o.step())
	if o.recorded(refs...) != 0 || len(o.sent) != 1 {
		t.Fatalf("%d recorded on a chain of genesis alone, %d batches offered", o.recorded(refs...), len(o.sent))
	}
	o.mine(o.chain.State(), window)
	o.must(o.step())
	if o.recorded(refs...) != 4 {
		t.Error("not recorded anew")
	}
	o.age(keepBlocks + 1)
	o.must(o.step())
	o.must(o.db.Close())
	o.openChain("third")
	o.restart(0)
	o.submit(1, 1, mail)
	o.must(o.step())
	o.must(o.step())
	if tokens, _ := o.queue.sealed(); len(tokens) != 5 {
		t.Error("mail is held up while the chain is fetched anew")
	}
	if o.rec.missing != (number{0, 1}) {
		t.Error("nothing is said of the batch that is kept no more")
	}
}

// The chain knows what the signing state does not: an old copy of the folder
// was restored, or two nodes share a key.
func TestHalted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		sealed int // batches made here before the others appear
	}{{"later batches", 0}, {"another last batch", 1}, {"another earlier batch", 2}} {
		t.Run(c.name, func(t *testing.T) {
			o := newOffice(t, 1)
			var log bytes.Buffer
			o.rec.log = slog.New(slog.NewTextHandler(&log, nil))
			for range c.sealed {
				o.submit(1, 1, mail)
				o.must(o.step())
				o.must(o.rec.load())
				if len(o.rec.open.Micros) > 0 {
					o.now = o.now.Add(time.Second)
					o.must(o.step())
				}
			}
			before := o.chain.State()
			o.sent = nil
			o.add(before, chaintest.Body{Batches: o.net.Batches(before, 0, 1, "twin")})
			o.submit(1, 1, mail)
			for range 3 {
				o.must(o.step())
			}
			if tokens, _ := o.queue.sealed(); len(tokens) != c.sealed || len(o.sent) > 0 {
				t.Errorf("%d entries sealed, %d batches submitted", len(tokens), len(o.sent))
			}
			if n := strings.Count(log.String(), "nothing is signed"); n != 1 {
				t.Errorf("said %d times: %s", n, log.String())
			}
			o.must(o.store.View(func(rd *mailstore.Reader) error {
				w, err := o.rec.Status(rd)
				if !w.Ends || w.Why == "" || w.Next == "" {
					t.Error("the status does not say so")
				}
				return err
			}))
			o.add(o.add(before, chaintest.Body{}), chaintest.Body{}) // the twin's batch is reverted
			o.must(o.step())
			if tokens, _ := o.queue.sealed(); len(tokens) != c.sealed+1 {
				t.Error("mail waits still")
			}
		})
	}
}

// An old copy of the data folder does not know what was signed since; its
// chain may be as old.
func TestOldCopySignsNothing(t *testing.T) {
	o := newOffice(t, 1)
	before := o.chain.State()
	o.behind = true
	o.submit(1, 1, mail) // was in the queue when the copy was made
	for range 3 {
		o.must(o.step())
	}
	halted := func() string {
		var w Waiting
		o.must(o.store.View(func(rd *mailstore.Reader) (err error) { w, err = o.rec.Status(rd); return err }))
		return w.Why
	}
	if halted() == "" {
		t.Error("the status does not say why mail waits")
	}
	next := o.add(before, chaintest.Body{Batches: o.net.Batches(before, 0, 1, "signed after the copy was made")})
	o.behind = false
	o.must(o.step())
	if tokens, _ := o.queue.sealed(); len(tokens) > 0 || len(o.sent) > 0 {
		t.Errorf("%d entries sealed for a place that was signed for before, %d batches submitted", len(tokens), len(o.sent))
	}
	if halted() == "" {
		t.Error("the contradiction goes unnoticed")
	}
	o.add(o.add(before, chaintest.Body{}), chaintest.Body{})
	o.behind = true // no blocks for a while are no reason to stop again
	o.must(o.step())
	if tokens, _ := o.queue.sealed(); len(tokens) != 1 {
		t.Errorf("%d entries sealed once the place was free, at height %d", len(tokens), next.Height())
	}
}

// A key signs only once others can know it.
func TestEnrolment(t *testing.T) {
	o := newOffice(t, 2)
	o.restart(1)
	o.submit(1, 1, mail)
	for blocks := range EnrolDepth + 1 {
		o.must(o.step())
		if tokens, _ := o.queue.sealed(); len(tokens) != 0 {
			t.Fatalf("sealed after %d blocks", blocks)
		}
		var body chaintest.Body
		if blocks == 0 {
			body.Events = o.net.Enrolments()
		}
		o.add(o.chain.State(), body)
	}
	o.must(o.step())
	if n := o.check(); n != 1 {
		t.Fatal("not sealed")
	}
}

// Run works by itself, and ends.
func TestRun(t *testing.T) {
	o := newOffice(t, 1)
	submitted := make(chan *consensus.Batch, 1)
	o.rec.submit = func(b *consensus.Batch) { submitted <- b }
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- o.rec.Run(ctx) }()
	refs := o.submit(2, 1, mail)
	o.queue.wake <- struct{}{}
	b := <-submitted
	o.now = time.UnixMilli(int64(b.Time))
	changed, unsubscribe := o.store.Subscribe()
	defer unsubscribe()
	block := o.net.Mine(o.chain.State(), 0, chaintest.Body{Batches: []consensus.Batch{*b}, Time: o.now})
	if _, err := o.chain.AddBlock(block, o.now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	for o.recorded(refs...) != b.Records() {
		<-changed
	}
	cancel()
	o.must(<-done)
}

func TestTogether(t *testing.T) {
	list := func(messages ...mailstore.MessageID) []Entry {
		var entries []Entry
		for _, m := range messages {
			entries = append(entries, Entry{Sent: mailstore.Ref{Account: 1, Message: m}})
		}
		return entries
	}
	for _, c := range []struct {
		entries []Entry
		limit   int
		want    int
	}{
		{list(1, 2, 3), 2, 2},
		{list(1, 2, 2), 2, 1},
		{list(1, 1, 1), 2, 2},
		{list(1, 2, 2, 2), 3, 1},
		{list(0, 0, 0), 2, 2},
	} {
		if got := together(c.entries, c.limit); got != c.want {
			t.Errorf("together(%s, %d) = %d, want %d", fmt.Sprint(c.entries), c.limit, got, c.want)
		}
	}
}
