package derive

import (
	"slices"

	"cairn/mailstore/message"
)

// deriver makes components of one type. It is pure: the same message gives the same components, and
// it fails by giving none. Index is the attachment's that a component is of, 0 of one that is of
// the message; Type and Reading are filled in.
type deriver func(d *message.Dissection) []message.Component

// maxContent bounds the content of a component.
const maxContent = 1 << 20

// of returns the deriver of a type, nil if there is none.
func of(t message.Type) deriver {
	switch t {
	case message.AttachmentText:
		return attachmentText
	case message.ImageHash:
		return imageHash
	case message.DetectedLanguage:
		return language
	case message.AttachmentType:
		return attachmentType
	case message.AttachmentSize:
		return attachmentSize
	}
	return nil
}

// ByName returns the type of derived components with that name; not ok if nothing here derives it.
func ByName(name string) (t message.Type, ok bool) {
	for _, t := range Types() {
		if t.String() == name {
			return t, true
		}
	}
	return 0, false
}

// Types returns the types that are derived here, in ascending order.
func Types() []message.Type {
	var list []message.Type
	for _, row := range message.Registry() {
		if of(row.Type) != nil {
			list = append(list, row.Type)
		}
	}
	return list
}

// Of returns the components of a derived type, in the order of their indices and at most as many as
// the registry has it. It is not ok if nothing here derives the type, or a library failed at it:
// then nothing is known about what the message has of it.
func Of(d *message.Dissection, t message.Type) (list []message.Component, ok bool) {
	derive := of(t)
	if derive == nil {
		return nil, false
	}
	return run(derive, d, t)
}

// derived is a component as a deriver gives it: run adds the type.
func derived(index uint16, content []byte) message.Component {
	return message.NewComponent(0, index, message.Canonical, content)
}

// run holds a deriver to what Of promises.
func run(derive deriver, d *message.Dissection, t message.Type) (list []message.Component, ok bool) {
	defer func() {
		if recover() != nil { // of a library that was given what a stranger sent
			list, ok = nil, false
		}
	}()
	row, _ := t.Info()
	for _, c := range derive(d) {
		if c.Size() > 0 && c.Size() <= maxContent && len(list) < row.Max {
			c.Type = t
			list = append(list, c)
		}
	}
	slices.SortStableFunc(list, func(a, b message.Component) int { return int(a.Index) - int(b.Index) })
	return slices.CompactFunc(list, func(a, b message.Component) bool { return a.Index == b.Index }), true
}

// Append returns components with those of the derived types added, in the order of type and index.
func Append(components []message.Component, d *message.Dissection, types []message.Type) []message.Component {
	if len(types) == 0 {
		return components
	}
	all := slices.Clone(components)
	for _, t := range types {
		list, _ := Of(d, t)
		all = append(all, list...)
	}
	slices.SortStableFunc(all, func(a, b message.Component) int {
		if a.Type != b.Type {
			return int(a.Type) - int(b.Type)
		}
		return int(a.Index) - int(b.Index)
	})
	return all
}
