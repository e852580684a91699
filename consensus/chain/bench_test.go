package chain

import (
	"log/slog"
	"testing"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
)

// BenchmarkAddBlock extends the chain by blocks with 0, 16 and 256 batches of
// 64 keys: validation, signatures included, and one transaction each.
func BenchmarkAddBlock(b *testing.B) {
	for _, c := range []struct {
		name      string
		orgs, per int
	}{{"empty", 1, 0}, {"16batches", 16, 1}, {"256batches", 64, 4}} {
		b.Run(c.name, func(b *testing.B) {
			net := chaintest.New(c.orgs)
			m, shut := open(b, net, b.TempDir())
			defer shut()
			blocks, s := net.Chain(m.State(), 1)
			for len(blocks) < b.N+1 {
				var body chaintest.Body
				rounds := make([][]consensus.Batch, len(net.Orgs))
				for i := range net.Orgs {
					rounds[i] = net.Batches(s, i, c.per, "bench")
				}
				for r := range c.per {
					for i := range net.Orgs {
						body.Batches = append(body.Batches, rounds[i][r])
					}
				}
				next := net.Mine(s, 0, body)
				blocks = append(blocks, next)
				s, _ = consensus.ApplyBlock(s, next)
			}
			mustAdd(b, m, Extended, blocks[0])
			b.ResetTimer()
			mustAdd(b, m, Extended, blocks[1:]...)
		})
	}
}

// BenchmarkOpen opens, and closes, a chain of 1,000 empty blocks.
func BenchmarkOpen(b *testing.B) {
	net := chaintest.New(3)
	dir := b.TempDir()
	m, shut := open(b, net, dir)
	blocks, _ := net.Chain(m.State(), 1000)
	mustAdd(b, m, Extended, blocks...)
	shut()
	for b.Loop() {
		db, err := OpenDB(dir, slog.New(slog.DiscardHandler))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := Open(db, net.Genesis, slog.New(slog.DiscardHandler)); err != nil {
			b.Fatal(err)
		}
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
