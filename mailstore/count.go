package mailstore

// MessageCount returns how many messages an account has.
func (r *Reader) MessageCount(a AccountID) (int, error) {
	n := 0
	err := r.src.scan(accountKey(tableMessage, a), nil, func([]byte, []byte) bool {
		n++
		return true
	})
	return n, err
}
