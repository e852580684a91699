// Package diskroom tells whether a database may write, before the volume that it is on runs full.
// Badger writes through mapped files: when the volume has no room left under a mapping, the kernel
// ends the process (SIGBUS) without an error that anybody could handle. So each of the three
// databases of a node stops while there still is room, and tries again later.
package diskroom

import (
	"errors"
	"fmt"
)

// What must stay free on the volume, in bytes. What can be fetched or built again stops first, so
// that there is room left for mail.
const (
	ForMail    = 64 << 20 // the mail store
	ForDerived = 96 << 20 // chain and index
	ForOpening = 32 << 20 // to be opened: what was written last is moved to its place then
)

// ErrFull: too little room is left on the volume.
var ErrFull = errors.New("disk is almost full")

// What helps where something could not be written, for the log.
const (
	NextFull  = "make room on that disk; it goes on by itself then"
	NextFault = "see that the disk is well, stop the node, then: cairn check"
)

// Next is what helps where err kept something from being written.
func Next(err error) string {
	if errors.Is(err, ErrFull) {
		return NextFull
	}
	return NextFault
}

// ToClose returns an error that wraps ErrFull if there is no room for what a database writes while
// it is closed: size is in bytes what lies in its memory, and what it then puts together. It is
// left open, as by a crash: nothing of it is lost.
func ToClose(dir string, size int64) error {
	free, known := freeSpace(dir)
	if !known || free >= size {
		return nil
	}
	return fmt.Errorf("%w: %d MB free in %s, %d MB are needed to close the database there", ErrFull, free>>20, dir, size>>20)
}

// Check returns an error that wraps ErrFull if writing size bytes in dir would leave less than
// reserve bytes free. They are counted twice, since both the write-ahead log and the tables of a
// database take them. Where free space is not known it returns nil.
func Check(dir string, size, reserve int64) error {
	free, known := freeSpace(dir)
	if !known || free-2*size >= reserve {
		return nil
	}
	return fmt.Errorf("%w: %d MB free in %s, %d MB must stay free", ErrFull, free>>20, dir, reserve>>20)
}
