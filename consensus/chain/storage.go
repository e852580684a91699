package chain

// Store is what a Manager keeps a chain in: a map of octets whose changes are
// made all at once. [OnDisk] is what a node has; [InMemory] lives as long as the
// process. It may be used from any goroutine; one writes at a time.
type Store interface {
	// View reads from one snapshot, whatever is written meanwhile. read must not write.
	View(read func(tx Reader) error) error
	// Write makes all changes, in their order. After an error all of them are made, or none; which
	// is seen by reading. The slices are kept: do not change them afterwards.
	Write(changes []Change) error
	// Collect gives back the room of values that were deleted, as far as it is known. It reports
	// whether there was any.
	Collect() (freed bool, err error)
	// Room returns an error that wraps diskroom.ErrFull if there is none for so many bytes.
	Room(bytes int64) error
}

// Reader is a snapshot of a Store.
type Reader interface {
	// Get passes the value under key to use and returns its error; ErrNotFound if there is none.
	// The value must be neither kept nor changed.
	Get(key []byte, use func(value []byte) error) error
	// Scan passes all entries whose keys begin with prefix to use, ascending by key, until that
	// returns an error, and returns it. Neither key nor value may be kept or changed.
	Scan(prefix []byte, use func(key, value []byte) error) error
}

// Change is a value to set, or a key to delete.
type Change struct {
	Key, Value []byte
	Delete     bool
}
