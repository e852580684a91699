package chain

import "sync"

// subscribers wakes whoever follows the chain. Each has a channel of capacity 1:
// a wake-up that has not been taken yet stands for all later ones.
type subscribers struct {
	mu   sync.Mutex
	next int
	byID map[int]chan struct{}
}

// Subscribe returns a channel that receives after the tip has changed. It means
// "look again" and carries nothing; several changes may give one receive. The
// channel is never closed. cancel ends the subscription and may be called twice.
func (m *Manager) Subscribe() (wake <-chan struct{}, cancel func()) {
	return m.subs.add()
}

func (s *subscribers) add() (<-chan struct{}, func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID == nil {
		s.byID = make(map[int]chan struct{})
	}
	id, ch := s.next, make(chan struct{}, 1)
	s.next++
	s.byID[id] = ch
	return ch, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.byID, id)
	}
}

func (s *subscribers) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ch := range s.byID {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}
