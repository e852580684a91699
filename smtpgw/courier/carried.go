package courier

import "cairn/mailstore"

const (
	// carriedBytes is how much text of mail that leaves is in memory at one time, and laneBytes of
	// it what is on its way to one domain, whose server may take it as slowly as it likes.
	carriedBytes = 256 << 20
	laneBytes    = carriedBytes / 4
	// lightMail is the size in bytes up to which mail does not wait for that room, so that heavy
	// mail of others does not hold it up. lightBytes is how much of it is on its way to one domain:
	// with a node there are more sessions than could each have as much.
	lightMail  = 1 << 20
	lightBytes = 8 * lightMail
)

// hold waits for room for the text of an entry, in its lane's part. What it returns gives it back.
// The error is that the lane has to make place before there is any. An entry that cannot be read
// takes none: whoever loads it is told.
func (c *Courier) hold(l *lane, id uint64) (leave func(), err error) {
	var size int64
	e, err := c.queue.Get(id)
	if err == nil {
		err = c.queue.Store().View(func(r *mailstore.Reader) error {
			size, err = r.RawSize(e.Blob)
			return err
		})
	}
	if err != nil {
		return func() {}, nil
	}
	room := l.texts
	if size <= lightMail {
		room = l.light
	}
	taken, err := room.Take(l.goes, size)
	return func() { room.Give(taken) }, err
}
