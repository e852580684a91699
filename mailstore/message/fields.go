package message

// Field is one header field with its encoded words decoded.
type Field struct {
	Name  string // canonical spelling
	Value string
}

// Fields returns all header fields from the top.
func (m *Message) Fields() []Field {
	var list []Field
	for i := range m.header {
		f := &m.header[i]
		list = append(list, Field{Name: f.key(), Value: phrase(knownWords(f.unfolded()))})
	}
	return list
}
