package mailstore

import "encoding/binary"

// doomed tells the messages of removed accounts from those that somebody still has.
func (c *check) doomed() error {
	return c.base.walk([]byte{tableDoomed}, nil, func(key, _ []byte, _ *DamagedError) bool {
		if len(key) == 5 {
			n := c.counts[AccountID(binary.BigEndian.Uint32(key[1:]))][total]
			c.Messages -= n
			c.Doomed += n
		}
		return true
	})
}
