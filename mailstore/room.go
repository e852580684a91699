package mailstore

import "fmt"

// diskReserve is what must stay free on the volume. The database writes through mapped files: when the volume runs full
// under a mapping the kernel ends the process, so the store stops before that.
const diskReserve = 64 << 20

// checkRoom returns ErrDiskFull if writing size bytes would go below the reserve. They are counted twice, since both the
// write-ahead log and the tables take them.
func (s *Store) checkRoom(size int64) error {
	free, known := freeSpace(s.dir)
	if !known || free-2*size >= s.reserve {
		return nil
	}
	return fmt.Errorf("%w: %d MB free in %s, %d MB must stay free: make room, then try again", ErrDiskFull, free>>20, s.dir, s.reserve>>20)
}
