package smtpgw

import "cairn/mailstore"

const (
	// carriedBytes is how much text of mail that leaves is in memory at one time, and laneBytes of
	// it what is on its way to one domain, whose server may take it as slowly as it likes.
	carriedBytes = 256 << 20
	laneBytes    = carriedBytes / 4
	// lightMail is the size in bytes up to which mail does not wait for room: it is bounded by the
	// sessions.
	lightMail = 1 << 20
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
	if err != nil || size <= lightMail {
		return func() {}, nil
	}
	taken, err := l.texts.Take(l.goes, size)
	return func() { l.texts.Give(taken) }, err
}
