package readers

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"cairn/mailstore/message/grammar"
)

// Exception says which fields a program is not asked about, because it cannot know better, and of
// which pairs of mails.
type Exception struct {
	Reader string
	Fields []Field
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
		{"munpack", []Field{Text, HTML, Attachments}, typesDiffer,
			"munpack saves a part without a Content-Type that is text by default, and no text that " +
				"says so; and text/plain in capitals it saves as a file"},
		{"munpack", []Field{Attachments}, anyUntyped,
			"munpack saves a part without a Content-Type as a file of octets, though it is text, " +
				"whose white space relays change"},
		{"s-nail", []Field{Broken, From, Sender, To, Cc, ReplyTo, Subject, Date, Text}, oneField,
			"s-nail opens no file whose header has one field alone"},
		{"mutt", []Field{Date}, datedByRelay,
			"mutt shows the time of the topmost Received instead of a Date that it cannot read"},
		{"munpack", []Field{Text, HTML}, beginsLikeHeader,
			"munpack goes on reading the header in a text that begins with fields, a Content- field among them"},
		{"python-default", []Field{From, Sender, To, Cc, ReplyTo}, wordsBeside,
			"Python's default policy shows a blank between two encoded words of a name"},
		{"mblaze", []Field{Text, HTML, Attachments}, typesDiffer,
			"mblaze knows media types in small letters alone"},
		{"mblaze", []Field{Attachments}, namedByTypeAlone,
			"mblaze looks for no name in Content-Type where there is a Content-Disposition"},
		{"mailparser", []Field{Attachments}, otherDisposition,
			"mailparser makes a file of a text with a disposition that nobody knows, whose white space relays change"},
		{"mblaze", []Field{Text, HTML, Attachments}, junkInBase64,
			"mblaze takes what is not of base64 for characters of it, line ends behind that too, and shows what they would be"},
		{"s-nail", []Field{Text}, octetsOfNoLetter,
			"s-nail shows octets that its charset does not have in 8bit alone"},
		{"s-nail", []Field{From, Sender, To, Cc, ReplyTo, Subject}, charsetNotASCII,
			"s-nail shows no field behind one with an encoded word whose charset is not ASCII"},
	}
}

// leaveOut tells which fields a reader is not asked of a pair.
func leaveOut(exceptions []Exception, reader string, sent, received []byte) func(Field) bool {
	var out []Field
	for _, e := range exceptions {
		if e.Reader == reader && e.When(sent, received) {
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

var (
	fieldInText = regexp.MustCompile(`(?i)^\s*(?:[!-9;-~]+:[^\n]*\n(?:[ \t][^\n]*\n)*)*content-[a-z-]+:`)
	besideWords = regexp.MustCompile(`(?im)^(?:from|sender|to|cc|reply-to):(?:.|\r?\n[ \t])*?\?=\s+=\?`)
)

// beginsLikeHeader tells that the text of a mail begins with what could be fields of a MIME header.
func beginsLikeHeader(sent, received []byte) bool {
	return slices.ContainsFunc([][]byte{sent, received}, func(raw []byte) bool {
		parts := emptyLine.Split(string(raw), 2)
		return len(parts) == 2 && fieldInText.MatchString(parts[1])
	})
}

// wordsBeside tells that a name in an address field of a mail is made of several encoded words.
func wordsBeside(sent, received []byte) bool {
	return besideWords.Match(sent) || besideWords.Match(received)
}

var typeField = regexp.MustCompile(`(?im)^content-type:[ \t]*([^\s;]*)`)

// typesDiffer tells that one mail has more Content-Type fields than the other, or one in other
// letters, capital or small.
func typesDiffer(sent, received []byte) bool {
	a, b := typeField.FindAllSubmatch(sent, -1), typeField.FindAllSubmatch(received, -1)
	if len(a) != len(b) {
		return true
	}
	for i := range a {
		if !bytes.Equal(a[i][1], b[i][1]) && bytes.EqualFold(a[i][1], b[i][1]) {
			return true
		}
	}
	return false
}

// anyPart tells that a part of one of the mails, the mail itself among them, is as asked; nothing
// is known of a mail that cannot be taken apart.
func anyPart(sent, received []byte, is func(root, e *entity) bool) bool {
	for _, raw := range [][]byte{sent, received} {
		root, err := parseMail(raw)
		if err == nil && slices.ContainsFunc(root.all(), func(e *entity) bool { return is(root, e) }) {
			return true
		}
	}
	return false
}

// anyUntyped tells that a mail has a part without a Content-Type, which is text.
func anyUntyped(sent, received []byte) bool {
	return anyPart(sent, received, func(root, e *entity) bool { return e.parts == nil && untyped(root, e) })
}

var (
	dateField     = regexp.MustCompile(`(?im)^date:(.*)$`)
	emptyLine     = regexp.MustCompile(`\r?\n\r?\n`)
	receivedField = regexp.MustCompile(`(?im)^received:`)
)

// datedByRelay tells that a relay put a Received on a mail without a Date that all programs read.
func datedByRelay(sent, received []byte) bool {
	header := emptyLine.Split(string(sent), 2)[0]
	if date := dateField.FindStringSubmatch(header); date != nil {
		if _, _, ok := grammar.Date(strings.TrimSpace(date[1])); ok {
			return false
		}
	}
	return len(receivedField.FindAll(sent, -1)) != len(receivedField.FindAll(received, -1))
}

var encodedName = regexp.MustCompile(`(?i)name\*|name\s*=\s*"?=\?`)

func namesEncoded(sent, received []byte) bool {
	return encodedName.Match(bytes.ReplaceAll(sent, []byte("\r\n"), nil)) ||
		encodedName.Match(bytes.ReplaceAll(received, []byte("\r\n"), nil))
}

// oneField tells that one of the mails has fewer than two header fields.
func oneField(sent, received []byte) bool {
	few := func(raw []byte) bool { s := grammar.ReadSection(raw, grammar.MaxHeader); return len(s.Fields) < 2 }
	return few(sent) || few(received)
}

// namedByTypeAlone tells that a part of a mail has a disposition without a file name, and a
// Content-Type with one.
func namedByTypeAlone(sent, received []byte) bool {
	return anyPart(sent, received, func(_, e *entity) bool {
		disposition := strings.ToLower(e.value("Content-Disposition"))
		return disposition != "" && !strings.Contains(disposition, "filename") &&
			strings.Contains(strings.ToLower(e.value("Content-Type")), "name")
	})
}

// otherDisposition tells that a text is to be shown in a way that is neither inline nor attachment.
func otherDisposition(sent, received []byte) bool {
	return anyPart(sent, received, func(root, e *entity) bool {
		kind, _, _ := strings.Cut(strings.ToLower(e.value("Content-Disposition")), ";")
		kind = strings.TrimSpace(kind)
		text := untyped(root, e) || strings.HasPrefix(strings.ToLower(strings.TrimSpace(e.value("Content-Type"))), "text/")
		return text && kind != "" && kind != "inline" && kind != "attachment"
	})
}

// junkInBase64 tells that a mail has a part in base64 with what is not of it: another character,
// padding with more behind it, or a group that is not whole.
func junkInBase64(sent, received []byte) bool {
	return anyPart(sent, received, func(_, e *entity) bool {
		return strings.EqualFold(strings.TrimSpace(e.value("Content-Transfer-Encoding")), "base64") &&
			(!pureBase64.MatchString(e.body) || len(strings.NewReplacer("\r", "", "\n", "").Replace(e.body))%4 != 0)
	})
}

var (
	pureBase64 = regexp.MustCompile(`^[A-Za-z0-9+/\r\n]*[=\r\n]*$`)
	wordLabel  = regexp.MustCompile(`=\?[^?\s]*[^?\x00-\x7f][^?\s]*\?[QqBb]\?`)
)

// charsetNotASCII tells that a mail has an encoded word whose charset is named in other characters.
func charsetNotASCII(sent, received []byte) bool {
	return wordLabel.Match(sent) || wordLabel.Match(received)
}

// octetsOfNoLetter tells that a text in 8bit of one mail, and of one alone, has octets that mean
// nothing in its charset.
func octetsOfNoLetter(sent, received []byte) bool {
	in8bit := func(raw []byte) bool {
		return anyPart(raw, nil, func(_, e *entity) bool {
			label := charsetLabel.FindStringSubmatch(e.value("Content-Type"))
			if !strings.EqualFold(e.value("Content-Transfer-Encoding"), "8bit") || label == nil {
				return false
			}
			_, _, ok := grammar.Text(label[1], []byte(e.body))
			return !ok
		})
	}
	return in8bit(sent) != in8bit(received)
}
