package readers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// Options say what Run does.
type Options struct {
	Count    int      // pairs to make
	Seed     uint64   // of the generator
	Bases    []Base   // to make mutants of
	Only     []string // families of mutations; nil for all
	Readers  []Kind   // to ask; see Find
	Judge    Judge
	Keep     string         // folder for the mails of findings; "" to keep none
	Progress func(made int) // called as pairs are judged; may be nil
}

// Report is what a run found.
type Report struct {
	Seed      uint64        `json:"seed"`
	Bases     int           `json:"bases"`
	Pairs     int           `json:"pairs"`
	Verified  int           `json:"verified"`
	Readers   []ReaderTally `json:"readers"`
	Mutations []Tally       `json:"mutations"` // by name, of the pairs that only that one made
	Findings  []Finding     `json:"findings"`
}

// ReaderTally is what one program was asked.
type ReaderTally struct {
	Name     string `json:"name"`
	Compared int    `json:"compared"` // pairs
	Findings int    `json:"findings"`
	Cannot   string `json:"cannot,omitempty"`
}

// Tally counts the pairs that one mutation made.
type Tally struct {
	Name     string `json:"name"`
	Pairs    int    `json:"pairs"`
	Verified int    `json:"verified"`
}

// Finding is a pair that is called verified though a program shows something else.
type Finding struct {
	Number    int      `json:"number"`
	Base      string   `json:"base"`
	Odd       []string `json:"odd,omitempty"` // mutations that the recorded mail has already
	Mutations []string `json:"mutations"`
	Reader    string   `json:"reader"`
	Difference
}

// batchSize is how many pairs are made and handed to the readers at once.
const batchSize = 512

// Run makes pairs, judges them, and asks the readers about those called verified. The error is of
// the readers or of ctx; findings are no error.
func Run(ctx context.Context, o Options) (*Report, error) {
	g, err := NewGenerator(o.Seed, o.Bases, o.Only)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "cairn-readers-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for the readers: %w", err)
	}
	defer os.RemoveAll(dir)
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	desks, err := openDesks(dir, o.Readers)
	defer closeDesks(desks)
	if err != nil {
		return nil, err
	}
	var running sync.WaitGroup
	for _, d := range desks {
		running.Go(func() {
			if err := d.serve(ctx); err != nil {
				stop(err)
			}
		})
	}
	r := &Report{Seed: o.Seed, Bases: len(o.Bases)}
	r.judgeAll(ctx, o, g, desks)
	for _, d := range desks {
		close(d.batches)
	}
	running.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	for _, d := range desks {
		r.Readers = append(r.Readers, d.tally)
		r.Findings = append(r.Findings, d.findings...)
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int { return a.Number - b.Number })
	return r, r.keep(o.Keep, g)
}

// judgeAll makes all pairs and hands those called verified to the desks.
func (r *Report) judgeAll(ctx context.Context, o Options, g *Generator, desks []*desk) {
	tallies := map[string]*Tally{}
	for first := 0; first < o.Count && ctx.Err() == nil; first += batchSize {
		size := min(batchSize, o.Count-first)
		pairs, verified := make([]Pair, size), make([]bool, size)
		var workers sync.WaitGroup
		for w := range runtime.GOMAXPROCS(0) {
			workers.Go(func() {
				for i := w; i < size; i += runtime.GOMAXPROCS(0) {
					pairs[i] = g.Pair(first + i)
					if len(pairs[i].Mutations) > 0 {
						verified[i], _ = o.Judge(pairs[i].Sent, pairs[i].Received)
					}
				}
			})
		}
		workers.Wait()
		var batch []Pair
		for i, p := range pairs {
			r.count(tallies, p, verified[i])
			if verified[i] {
				batch = append(batch, p)
			}
		}
		for _, d := range desks {
			select {
			case d.batches <- batch:
			case <-ctx.Done():
			}
		}
		if o.Progress != nil {
			o.Progress(first + size)
		}
	}
	for _, t := range tallies {
		r.Mutations = append(r.Mutations, *t)
	}
	slices.SortFunc(r.Mutations, func(a, b Tally) int { return strings.Compare(a.Name, b.Name) })
}

func (r *Report) count(tallies map[string]*Tally, p Pair, verified bool) {
	r.Pairs++
	if verified {
		r.Verified++
	}
	if len(p.Mutations) != 1 || len(p.Odd) > 0 {
		return
	}
	t := tallies[p.Mutations[0]]
	if t == nil {
		t = &Tally{Name: p.Mutations[0]}
		tallies[t.Name] = t
	}
	t.Pairs++
	if verified {
		t.Verified++
	}
}

// keep writes the mails of findings as NAME.a.eml, as recorded, and NAME.b.eml, as arrived.
func (r *Report) keep(dir string, g *Generator) error {
	if dir == "" || len(r.Findings) == 0 {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("making the folder for findings: %w", err)
	}
	last := -1
	for _, f := range r.Findings {
		if f.Number == last {
			continue
		}
		last = f.Number
		p := g.Pair(f.Number)
		name := filepath.Join(dir, fmt.Sprintf("%d-%d", r.Seed, p.Number))
		err := errors.Join(os.WriteFile(name+".a.eml", p.Sent, 0o644), os.WriteFile(name+".b.eml",
			p.Received, 0o644))
		if err != nil {
			return fmt.Errorf("keeping a finding: %w", err)
		}
	}
	return nil
}
