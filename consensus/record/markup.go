package record

import (
	"bytes"

	"golang.org/x/net/html"
)

// isRaw reports whether there is no markup inside of an element of that name.
func isRaw(name string) bool {
	switch name {
	case "iframe", "noembed", "noframes", "plaintext", "script", "style", "textarea", "title", "xmp":
		return true
	}
	return false
}

// sameMarkup reports whether two sources of HTML differ in the text for people alone, and in white
// space inside of tags.
func sameMarkup(a, b []byte) bool { return bytes.Equal(markup(a), markup(b)) }

// markup is the source without the text for people, its tags in one spelling.
func markup(source []byte) (out []byte) {
	raw := false
	for z := html.NewTokenizer(bytes.NewReader(source)); ; {
		switch kind := z.Next(); kind {
		case html.ErrorToken: // what is left may be an unfinished tag
			return append(out, z.Raw()...)
		case html.TextToken:
			if raw {
				out = append(out, z.Raw()...)
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			t := z.Token()
			raw = kind == html.StartTagToken && isRaw(t.Data)
			out = append(out, t.String()...)
		case html.EndTagToken: // whose attributes are no part of the token
			raw = false
			rest := squeeze(z.Raw())
			name, _ := z.TagName()
			out = append(append(append(out, name...), ' '), rest...)
		default:
			out = append(out, z.Raw()...)
		}
	}
}
