package readers

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"cairn/mailstore/message"
)

// desk is where one reader is asked, at its own pace.
type desk struct {
	reader     Reader
	exceptions []Exception
	batches    chan []Pair
	bases      map[string]Shown // what it shows of mails as recorded, by their base
	tally      ReaderTally
	findings   []Finding
}

// openDesks starts the readers. The desks that were opened are given with an error too.
func openDesks(dir string, kinds []Kind) ([]*desk, error) {
	var desks []*desk
	for _, k := range kinds {
		own := filepath.Join(dir, k.Name)
		if err := os.Mkdir(own, 0o755); err != nil {
			return desks, err
		}
		r, err := k.Open(own)
		if err != nil {
			return desks, err
		}
		desks = append(desks, &desk{
			reader: r, exceptions: Exceptions(), batches: make(chan []Pair, 4),
			bases: map[string]Shown{},
			tally: ReaderTally{Name: k.Name, Cannot: k.Cannot},
		})
	}
	return desks, nil
}

func closeDesks(desks []*desk) {
	for _, d := range desks {
		d.reader.Close()
	}
}

// maxAsked bounds how many mails a reader is handed at once.
const maxAsked = 256

// serve asks about all pairs that come.
func (d *desk) serve(ctx context.Context) error {
	for batch := range d.batches {
		for len(batch) > 0 && ctx.Err() == nil {
			n := min(len(batch), maxAsked)
			if err := d.ask(ctx, batch[:n]); err != nil {
				return fmt.Errorf("asking %s about pairs %d to %d: %w", d.tally.Name,
					batch[0].Number, batch[n-1].Number, err)
			}
			batch = batch[n:]
		}
	}
	return nil
}

// ask compares what the reader shows of the mails as recorded and as arrived.
func (d *desk) ask(ctx context.Context, pairs []Pair) error {
	var mails [][]byte
	sent := make([]int, len(pairs)) // index in mails, -1 if the base is known
	firsts := map[string]int{}
	for i, p := range pairs {
		sent[i] = -1
		if _, known := d.bases[p.Base]; known && len(p.Odd) == 0 {
			continue
		}
		if at, asked := firsts[p.Base]; asked && len(p.Odd) == 0 {
			sent[i] = at
			continue
		}
		sent[i] = len(mails)
		if len(p.Odd) == 0 {
			firsts[p.Base] = len(mails)
		}
		mails = append(mails, wire(p.Sent))
	}
	received := len(mails)
	for _, p := range pairs {
		mails = append(mails, wire(p.Received))
	}
	shown, err := d.reader.Read(ctx, mails)
	if err != nil {
		return err
	}
	for base, at := range firsts {
		d.bases[base] = shown[at]
	}
	for i, p := range pairs {
		before := d.bases[p.Base]
		if sent[i] >= 0 {
			before = shown[sent[i]]
		}
		d.compare(p, before, shown[received+i])
	}
	return nil
}

func (d *desk) compare(p Pair, before, after Shown) {
	d.tally.Compared++
	for _, difference := range Differences(before, after, leaveOut(d.exceptions, d.tally.Name,
		p.Sent, p.Received)) {
		d.tally.Findings++
		d.findings = append(d.findings, Finding{p.Number, p.Base, p.Odd, p.Mutations, d.tally.Name,
			difference})
	}
}

// wire is a mail as SMTP brings it: each line ends, the last one too.
func wire(raw []byte) []byte {
	lines := message.WireLines(raw)
	if len(lines) > 0 && !bytes.HasSuffix(lines, []byte(crlf)) {
		lines = append(lines[:len(lines):len(lines)], crlf...)
	}
	return lines
}
