package mailstore

import (
	"fmt"

	"cairn/mailstore/diskroom"
)

// diskReserve is what must stay free on the volume, in bytes.
const diskReserve = diskroom.ForMail

// checkRoom returns ErrDiskFull if writing size bytes would go below the reserve.
func (s *Store) checkRoom(size int64) error {
	if err := diskroom.Check(s.dir, size, s.reserve); err != nil {
		return fmt.Errorf("mailstore: %w", err)
	}
	return nil
}
