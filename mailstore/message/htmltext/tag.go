package htmltext

import "bytes"

// startTag is what is asked of a start tag.
type startTag struct {
	name       string
	empty      bool              // it has the slash that ends an element of svg and math
	attributes map[string]string // those that are asked for
}

// tagOf reads the start tag at which the tokenizer is.
func (r *reader) tagOf() startTag {
	empty := slashEnds(r.z.Raw())
	name, more := r.z.TagName()
	tag := startTag{name: string(name), empty: empty}
	if isAsked(tag.name) {
		tag.attributes = make(map[string]string)
	}
	for more && isAsked(tag.name) {
		var key, value []byte
		key, value, more = r.z.TagAttr()
		switch string(key) {
		case "color", "encoding", "face", "shadowrootmode", "size":
			tag.attributes[string(key)] = string(value)
		}
	}
	return tag
}

// isAsked tells whether attributes of an element of that name say how it is read.
func isAsked(name string) bool {
	return name == "annotation-xml" || name == "font" || name == "template"
}

// slashEnds tells whether a tag has a slash at its end that is no part of a value without quotes.
// The tokenizer takes it for none if that attribute stands in the tag twice.
func slashEnds(tag []byte) bool {
	const space = " \t\r\n\f"
	if !bytes.HasSuffix(tag, []byte("/>")) {
		return false
	}
	rest := tag[:len(tag)-len(">")]
	rest = rest[max(0, bytes.IndexAny(rest, space+"/")):]
	for {
		rest = bytes.TrimLeft(rest, space+"/")
		if len(rest) == 0 {
			return true
		}
		// An equals sign in front is part of the name.
		end := bytes.IndexAny(rest[1:], space+"/=")
		rest = bytes.TrimLeft(rest[1+end:], space)
		value, is := bytes.CutPrefix(rest, []byte("="))
		if !is {
			continue
		}
		value = bytes.TrimLeft(value, space)
		if value[0] == '"' || value[0] == '\'' {
			_, rest, _ = bytes.Cut(value[1:], value[:1])
			continue
		}
		end = bytes.IndexAny(value, space)
		if end < 0 {
			return false // all up to the end is the value
		}
		rest = value[end:]
	}
}
