package verdicts

import (
	"context"
	"time"

	"cairn/consensus/record"
)

// Options say what to measure with.
type Options struct {
	Direct bool // nothing is known but the defaults

	// What is given by hand counts for every pair, in place of what Learn reads off each: a list
	// for those that it is mentioned in.
	Lists   []record.Forwarder
	Map     record.AddressMap
	Banners []string

	At       time.Time      // of the records
	Progress func(done int) // nil: nobody looks
}

// Run judges all pairs, with nothing known and with what their recipients would know, and reports.
// A pair whose files cannot be read ends it.
func Run(ctx context.Context, entries []Entry, o Options) (*Report, error) {
	r := newReport(o.Direct)
	for i, e := range entries {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		p, err := e.Read()
		if err != nil {
			return nil, err
		}
		direct, err := Judge(p, Knowledge{}, o.At)
		if err != nil {
			return nil, err
		}
		known, k := direct, o.known(p)
		if k.Any() {
			if known, err = Judge(p, k, o.At); err != nil {
				return nil, err
			}
		}
		r.add(p, direct, known, k)
		if o.Progress != nil {
			o.Progress(i + 1)
		}
	}
	r.finish()
	return r, nil
}

// known is what the recipient of a pair knows.
func (o *Options) known(p *Pair) Knowledge {
	if o.Direct {
		return Knowledge{}
	}
	k := Learn(p)
	if len(o.Lists) > 0 {
		k.List = nil
		for i := range o.Lists {
			if k.List == nil && p.Mentions(&o.Lists[i]) {
				k.List = &o.Lists[i]
			}
		}
	}
	if len(o.Map) > 0 {
		k.Map = o.Map
	}
	if len(o.Banners) > 0 {
		k.Banners = o.Banners
	}
	return k
}
