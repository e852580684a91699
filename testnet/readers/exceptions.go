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
		{"", []Field{From, Sender, To, Cc, ReplyTo, Subject, Text, HTML}, eastAsianTranscoded,
			"programs convert East Asian charsets by tables of their own, as Shift_JIS 0x8160 to " +
				"U+301C or U+FF5E, so that what a relay has made UTF-8 is shown otherwise than before"},
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

// eastAsian are charsets whose tables differ from program to program.
var eastAsian = regexp.MustCompile(
	`(?i)(?:charset\s*\*?=\s*"?|=\?)(?:gb|cp936|hz|big5|euc-|ks_|ksc|shift|sjis|cp932|iso-2022|windows-(?:31j|936|949|950))`)

// eastAsianTranscoded tells that one mail has more such labels than the other.
func eastAsianTranscoded(sent, received []byte) bool {
	return len(eastAsian.FindAll(sent, -1)) != len(eastAsian.FindAll(received, -1))
}

var encodedName = regexp.MustCompile(`(?i)name\*|name\s*=\s*"?=\?`)

func namesEncoded(sent, received []byte) bool {
	return encodedName.Match(bytes.ReplaceAll(sent, []byte("\r\n"), nil)) ||
		encodedName.Match(bytes.ReplaceAll(received, []byte("\r\n"), nil))
}
