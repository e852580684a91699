package message

// Field is one header field with its encoded words decoded.
type Field struct {
	Name  string // canonical spelling
	Value string
}

// Fields returns all header fields from the top.
func (m *Message) Fields() []Field {
	var list []Field
	for f := m.header.Fields(); f.Next(); {
		list = append(list, Field{Name: f.Key(), Value: phrase(knownWords(f.Value()))})
	}
	return list
}
