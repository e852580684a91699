package mailstore

import "cairn/mailstore/diskroom"

// diskReserve is what must stay free on the volume, in bytes.
const diskReserve = diskroom.ForMail

// checkRoom returns ErrDiskFull if writing size bytes would go below the reserve.
func (s *Store) checkRoom(size int64) error { return diskroom.Check(s.dir, size, s.reserve) }

// Room returns an error that wraps ErrDiskFull, as each update does, while too little room is left
// on the volume.
func (s *Store) Room() error { return diskroom.Check(s.dir, 0, diskReserve) }
