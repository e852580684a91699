package readers

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
)

// Exception is something that a program is not asked, because it cannot know better.
type Exception struct {
	Reader string  // or "" for all
	Fields []Field // empty: all
	When   func(sent, received []byte) bool
	Why    string
}

// Exceptions are all of them. A program that reads differently what it could read alike is none.
func Exceptions() []Exception {
	return []Exception{
		{"munpack", []Field{Text, HTML}, charsetsDiffer,
			"munpack converts no charsets: it is asked for text only where the labels are the same"},
		{"munpack", []Field{Attachments}, namesEncoded,
			"munpack knows neither encoded words nor RFC 2231 in names"},
	}
}

// leaveOut tells which fields a reader is not asked of a pair.
func leaveOut(exceptions []Exception, reader string, sent, received []byte) func(Field) bool {
	var out []Field
	for _, e := range exceptions {
		if (e.Reader == "" || e.Reader == reader) && e.When(sent, received) {
			out = append(out, e.Fields...)
		}
	}
	return func(f Field) bool { return slices.Contains(out, f) }
}

var charsetLabel = regexp.MustCompile(`(?i)charset\s*\*?=\s*"?([^\s;"]*)`)

func charsetsDiffer(sent, received []byte) bool {
	labels := func(raw []byte) string {
		var all []string
		for _, m := range charsetLabel.FindAllSubmatch(raw, -1) {
			all = append(all, strings.ToLower(string(m[1])))
		}
		return strings.Join(all, ",")
	}
	return labels(sent) != labels(received)
}

var encodedName = regexp.MustCompile(`(?i)name\*|name\s*=\s*"?=\?`)

func namesEncoded(sent, received []byte) bool {
	return encodedName.Match(bytes.ReplaceAll(sent, []byte("\r\n"), nil)) ||
		encodedName.Match(bytes.ReplaceAll(received, []byte("\r\n"), nil))
}
