package testnet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"cairn/node/api"
	"cairn/smtpgw"
)

// Options says what kind of network Run makes and what it does with it.
type Options struct {
	Orgs   int       // organisations, one node each; 2 to 16, 3 when zero
	Dir    string    // where the nodes keep their data; a temporary folder, removed at the end, when empty
	Exit   bool      // end after the story instead of staying up until the context is done
	JSON   bool      // write one JSON document instead of the story in words
	Corpus string    // folder of messages to send through org 1's gateway to org 2; empty: none
	Out    io.Writer // where the story goes
	Err    io.Writer // where progress goes

	Command string // how this program is started, to say what to do next; "cairn" when empty
}

// Report is all that a run of the testnet has to tell.
type Report struct {
	api.Document
	Members []Place       `json:"organisations"`
	Story   *Story        `json:"story,omitempty"`
	Corpus  *CorpusReport `json:"corpus,omitempty"`
	Error   *api.Error    `json:"error,omitempty"` // what did not come out as it should
}

// write writes the report, with the error that ended the story, and returns
// that error too.
func (r *Report) write(out io.Writer, err error) error {
	r.Error = api.AsError(err)
	if errors.Is(err, context.Canceled) {
		r.Error.Code = api.CodeTryLater
	}
	return errors.Join(err, api.Encode(out, r))
}

// Place is where one organisation can be reached.
type Place struct {
	Name       string `json:"name"`
	Address    string `json:"address"` // of its one person
	Submission string `json:"submission"`
	Inbound    string `json:"inbound"`
	Dir        string `json:"dir"`
}

// patience bounds each wait of the story, so that a broken network ends it.
const patience = time.Minute

// Run starts the network, tells its story on o.Out and, unless o.Exit is set,
// keeps it up until ctx is done. It returns an error when any step of the
// story did not come out as it should.
func Run(ctx context.Context, o Options) (err error) {
	if o.Orgs == 0 {
		o.Orgs = 3
	}
	if o.Orgs < 2 {
		return fmt.Errorf("%d organisations: mail needs at least 2", o.Orgs)
	}
	var corpus []*item
	if o.Corpus != "" {
		if corpus, err = readCorpus(o.Corpus); err != nil {
			return err
		}
	}
	dir, remove, err := folder(o.Dir)
	if err != nil {
		return err
	}
	defer remove()
	logFile, err := os.Create(filepath.Join(dir, "testnet.log"))
	if err != nil {
		return fmt.Errorf("keep a log: %w", err)
	}
	defer logFile.Close()
	log := slog.New(slog.NewTextHandler(logFile, &slog.HandlerOptions{Level: slog.LevelInfo}))

	t := &teller{out: o.Out}
	if o.JSON {
		t.out = io.Discard
	}
	w, err := NewNetwork(ctx, dir, o.Orgs, "10%", log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Stop()) }()
	if corpus != nil {
		w.RelayFrom = []string{smtpgw.AnyAddress} // it is mail of people all over the world
	}
	t.say("A network of %d organisations on this machine, one node each, all of them mining.\n", o.Orgs)
	if err := w.populate(ctx, t, o.Orgs); err != nil {
		return err
	}
	report := &Report{Members: w.places()}
	if corpus != nil {
		report.Corpus, err = w.sendCorpus(ctx, corpus, o.Err)
		report.Corpus.print(t)
	} else {
		report.Story, err = w.tell(ctx, t)
	}
	if o.JSON {
		err = report.write(o.Out, err)
	}
	if err != nil || o.Exit {
		return err
	}
	w.invite(t, cmp.Or(o.Command, "cairn"), logFile.Name())
	<-ctx.Done()
	return nil
}

// folder is where the nodes keep their data, and what to do with it in the
// end.
func folder(dir string) (string, func(), error) {
	if dir == "" {
		dir, err := os.MkdirTemp("", "cairn-testnet-")
		return dir, func() { os.RemoveAll(dir) }, err
	}
	dir, err := filepath.Abs(dir)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	return dir, func() {}, err
}

// teller writes the story.
type teller struct{ out io.Writer }

func (t *teller) say(format string, args ...any) { fmt.Fprintf(t.out, format, args...) }

// populate adds the organisations and waits until all of them are members.
func (w *Network) populate(ctx context.Context, t *teller, orgs int) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for i := range orgs {
		m, err := w.Add(ctx)
		if err != nil {
			return err
		}
		how := "joins with an invite of " + w.Members[0].Name
		if i == 0 {
			how = "founds the network"
		}
		t.say("  %-8s %-13s %-30s mail programs: %s\n", m.Name, m.Domain, how, m.SubmissionAddr())
	}
	if err := w.Trust(ctx); err != nil {
		return err
	}
	if err := w.AwaitMembers(ctx); err != nil {
		return err
	}
	t.say("All are enrolled on the chain and trust each other's org key (block %d).\n\n", w.Members[0].Chain().Tip().Height)
	return nil
}

func (w *Network) places() []Place {
	var list []Place
	for i, m := range w.Members {
		list = append(list, Place{
			Name: m.Name, Address: w.Address(i), Submission: m.SubmissionAddr(), Inbound: m.InboundAddr(), Dir: m.Dir,
		})
	}
	return list
}

// invite says what to do with a network that stays up, with the command that
// started it.
func (w *Network) invite(t *teller, command, log string) {
	a, b := w.Members[0], w.Members[1]
	t.say("\nThe network stays up until Ctrl-C; its log is %s. In another terminal:\n", log)
	t.say("  swaks --server %s --from %s --to %s\n", a.SubmissionAddr(), w.Address(0), w.Address(1))
	t.say("  %s search --dir %s from:%s\n", command, b.Dir, person(0))
	t.say("  %s show --dir %s %s/1\n", command, b.Dir, person(1))
	t.say("  %s chain status --dir %s\n", command, a.Dir)
}
