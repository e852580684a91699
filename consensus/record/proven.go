package record

import (
	"crypto/sha256"
	"sync"

	"cairn/consensus"
)

// maxProven is how many signatures Proven remembers of each generation.
const maxProven = 2048

// Proven remembers which signatures over micro-roots were right: up to consensus.MaxMicroRecords
// records share one, and those of one sender come one after another. What was wrong is not
// remembered. Where strangers bring more signatures than it has room for it forgets the oldest,
// which are then checked again. The zero Proven is ready; it is safe for concurrent use.
type Proven struct {
	mu         sync.Mutex
	young, old map[[sha256.Size]byte]struct{}
}

// VerifySignature is t.VerifySignature for who knows t's MicroRoot.
func (p *Proven) VerifySignature(t *Token, root consensus.MicroRoot) bool {
	if root.Root.IsZero() {
		return false
	}
	signed := t.signed(root)
	id := signatureID(t, signed)
	if p.has(id) {
		return true
	}
	if !consensus.VerifySignature(t.Recorder, signed, t.Signature) {
		return false
	}
	p.add(id)
	return true
}

// signatureID names all that a check of a signature depends on: key and signature have a fixed
// length, what was signed is the rest.
func signatureID(t *Token, signed []byte) [sha256.Size]byte {
	var room [256]byte // more than there is
	b := append(append(room[:0], t.Recorder[:]...), t.Signature[:]...)
	return sha256.Sum256(append(b, signed...))
}

func (p *Proven) has(id [sha256.Size]byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.young[id]; ok {
		return true
	}
	_, ok := p.old[id]
	return ok
}

func (p *Proven) add(id [sha256.Size]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.young) >= maxProven {
		p.young, p.old = nil, p.young
	}
	if p.young == nil {
		p.young = make(map[[sha256.Size]byte]struct{})
	}
	p.young[id] = struct{}{}
}
