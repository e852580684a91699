package chain

// Subscribe returns a channel that receives after the tip has changed. It means
// "look again" and carries nothing; several changes may give one receive. The
// channel is never closed. cancel ends the subscription and may be called twice.
func (m *Manager) Subscribe() (wake <-chan struct{}, cancel func()) { return m.subs.Subscribe() }
