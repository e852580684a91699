package mailstore

// Trouble is what is to become of one commit. The zero value lets it be.
type Trouble struct {
	Full   bool  // nothing is written, and the error is ErrDiskFull
	Before error // nothing is written, and the commit fails with this
	After  error // all is written and synced, and the commit fails with this all the same
}

// SetTrouble has next asked before each commit that writes something, on the goroutine of the
// committer; nil ends it. It is for tests of what becomes of a node whose disk fails.
func (s *Store) SetTrouble(next func() Trouble) {
	if next == nil {
		s.trouble.Store(nil)
		return
	}
	s.trouble.Store(&next)
}

// troubled is writeTxn with the trouble that a test makes.
func (s *Store) troubled(o *overlay, t Trouble) error {
	if t.Before != nil {
		return t.Before
	}
	if err := s.writeTxn(o); err != nil {
		return err
	}
	return t.After
}

// nextTrouble is what a test makes of the next commit.
func (s *Store) nextTrouble() Trouble {
	if next := s.trouble.Load(); next != nil {
		return (*next)()
	}
	return Trouble{}
}

// Broken returns a channel that is closed when a commit has failed and the store takes no more
// writes until it is opened again. Failure says why then.
func (s *Store) Broken() <-chan struct{} { return s.failed }

// Failure is the error of every update once Broken is closed.
func (s *Store) Failure() error {
	select {
	case <-s.failed:
		return s.broken
	default:
		return nil
	}
}
