package message

// Header returns the decoded value of the topmost field of that name, empty if there is none.
func (m *Message) Header(name string) string { return phrase(knownWords(m.header.get(name))) }

// RawHeader returns the unfolded, undecoded value of the topmost field of that name.
func (m *Message) RawHeader(name string) string { return m.header.get(name) }

// StepsOfAuthors is how many characters are looked at for the domains that a header claims.
func StepsOfAuthors(header []byte) int {
	_, steps := readClaims(header)
	return steps
}
