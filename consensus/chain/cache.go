package chain

import (
	"slices"
	"sync"

	"cairn/consensus"
)

// Limits of the cache of decoded blocks. It serves followers and peers that ask
// for the newest blocks.
const (
	cacheBlocks = 64
	cacheBytes  = 2 << 20 // of encodings
)

// blockCache keeps the blocks that were added last.
type blockCache struct {
	mu    sync.Mutex
	order []cached // oldest first
	byID  map[consensus.Hash]*consensus.Block
	size  int
}

type cached struct {
	id   consensus.Hash
	size int
}

func (c *blockCache) get(id consensus.Hash) *consensus.Block {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byID[id]
}

// remove takes out a block that is not stored any more.
func (c *blockCache) remove(id consensus.Hash) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byID[id] == nil {
		return
	}
	delete(c.byID, id)
	i := slices.IndexFunc(c.order, func(x cached) bool { return x.id == id })
	c.size -= c.order[i].size
	c.order = slices.Delete(c.order, i, i+1)
}

func (c *blockCache) add(b *consensus.Block) {
	id, size := b.ID(), b.Size()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byID == nil {
		c.byID = make(map[consensus.Hash]*consensus.Block)
	}
	if c.byID[id] != nil {
		return
	}
	c.byID[id] = b
	c.order = append(c.order, cached{id, size})
	c.size += size
	for len(c.order) > cacheBlocks || c.size > cacheBytes {
		delete(c.byID, c.order[0].id)
		c.size -= c.order[0].size
		c.order = c.order[1:]
	}
}
