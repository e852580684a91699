package message

import (
	"regexp"
	"strings"
)

// authorWords are the encoded words of a value for the domains in them: all that begins like one.
type authorWords struct {
	list   []authorWord
	behind string // what stands behind the last
	other  bool   // one of them may have any domain: what it is in is not known, or it is no word to the readers here
	names  map[string]charsetName
}

type authorWord struct {
	gap     string // what stands before it
	written string
	charset charsetName
	inB     bool
	text    string
}

// authorWordsOf finds the words of a value. Where one begins inside another, or has no end,
// programs do not agree on what is one.
func authorWordsOf(value string) *authorWords {
	v := &authorWords{names: map[string]charsetName{}}
	end, at := 0, 0 // of the last word, and of what was looked at
	for {
		start, name, text := wordHead(value, at)
		if start < 0 {
			break
		}
		at = text - 1 // a "?" that may be in the next head
		if start < end {
			v.other = true
			continue
		}
		size := strings.Index(value[text:], "?=")
		if size < 0 {
			v.other = true
			break
		}
		w := authorWord{gap: value[end:start], charset: v.charset(name), inB: value[text-2]|0x20 == 'b', text: value[text : text+size]}
		v.other = v.other || w.charset.other
		end = text + size + len("?=")
		w.written = value[start:end]
		v.list = append(v.list, w)
	}
	v.behind = value[end:]
	return v
}

// wordHead finds the next "=?name?B?" or with a Q, from a position on, and where its text begins;
// start is -1 if there is none.
func wordHead(s string, from int) (start int, name string, text int) {
	for {
		i := strings.Index(s[from:], "=?")
		if i < 0 {
			return -1, "", 0
		}
		start = from + i
		from = start + len("=?")
		size := strings.IndexByte(s[from:], '?')
		if size < 0 {
			return -1, "", 0
		}
		if text = from + size + len("?B?"); text <= len(s) && s[text-1] == '?' && strings.IndexByte("BbQq", s[text-2]) >= 0 {
			return start, s[from : from+size], text
		}
	}
}

// charset is what is known of a name, which is looked up once.
func (v *authorWords) charset(name string) charsetName {
	known, ok := v.names[name]
	if !ok {
		known = charsetNamed(name)
		v.names[name] = known
	}
	return known
}

// follows reports whether nothing but white space is between a word and the one before it.
func (v *authorWords) follows(i int) bool {
	return i > 0 && strings.TrimSpace(v.list[i].gap) == ""
}

// joined are the words with the texts of neighbours in one encoding as one, if alike says so of
// their charsets, without white space in the octets of Q and an octet that does not end: as some
// programs read them.
func (v *authorWords) joined(alike func(a, b charsetName) bool) *authorWords {
	one := &authorWords{list: make([]authorWord, 0, len(v.list)), behind: v.behind}
	for i := 0; i < len(v.list); {
		w, next := v.list[i], i+1
		for next < len(v.list) && v.follows(next) && alike(v.list[next].charset, w.charset) && v.list[next].inB == w.inB {
			next++
		}
		if next > i+1 {
			var text strings.Builder
			for _, part := range v.list[i:next] {
				text.WriteString(part.text)
			}
			w.text = text.String()
		}
		if !w.inB && strings.Contains(w.text, "=") {
			w.text = openOctet.ReplaceAllString(cutOctet.ReplaceAllString(w.text, "=$1"), "")
		}
		one.list = append(one.list, w)
		i = next
	}
	return one
}

var (
	cutOctet  = regexp.MustCompile(`=\s+([0-9A-Fa-f])`)
	openOctet = regexp.MustCompile(`=[0-9A-Fa-f]?$`)
)

// wordWay is a way in which programs decode words.
type wordWay struct {
	between string                      // what they put between neighbours
	join    neighbours                  // whose texts they join
	inB     func(string) (string, bool) // what they decode of text in B, if they take it for a word
	decode  func(charsetName, []byte) []byte
}

// neighbours are words with nothing but white space between them.
type neighbours int

const (
	apart neighbours = iota
	ofOneCharset
	ofAnyCharset // which may be one by names that are not known here
)

var wordWays = []wordWay{
	{inB: unlessPadded, decode: decodeAuthor},
	{inB: allOfIt, decode: decodeAuthor},
	{inB: allOfIt, decode: decodeAuthor, between: " , "},
	{inB: allOfIt, decode: octetsAsTheyAre},
	{inB: allOfIt, decode: withoutOddOctets},
	{inB: untilPadding, decode: decodeAuthor},
	{inB: wholeGroups, decode: decodeAuthor},
	{inB: unpadded, decode: decodeAuthor},
	{inB: allOfIt, decode: decodeAuthor, join: ofOneCharset},
	{inB: unpadded, decode: decodeAuthor, join: ofOneCharset},
	{inB: allOfIt, decode: decodeAuthor, join: ofAnyCharset},
	{inB: unpadded, decode: decodeAuthor, join: ofAnyCharset},
	{inB: allOfIt, decode: withoutOddOctets, join: ofOneCharset},
	{inB: unpadded, decode: withoutOddOctets, join: ofOneCharset},
}

func allOfIt(text string) (string, bool) { return text, true }

func unlessPadded(text string) (string, bool) {
	_, inside := paddingInside([]byte(text))
	return text, !inside
}

func untilPadding(text string) (string, bool) {
	text, _, _ = strings.Cut(text, "=")
	return text, true
}

// wholeGroups leaves out what is no whole group of four characters.
func wholeGroups(text string) (string, bool) {
	text, _, _ = strings.Cut(text, "=")
	return text[:len(text)-len(text)%4], true
}

func unpadded(text string) (string, bool) { return strings.ReplaceAll(text, "=", ""), true }

// spell is the value with its words decoded in one way.
func (v *authorWords) spell(way *wordWay) string {
	var out strings.Builder
	var charset charsetName
	var pending []byte // decoded words that may go on in the next one
	flush := func() {
		out.Write(way.decode(charset, pending))
		pending = pending[:0]
	}
	decoded := false // the word before this one
	for i, w := range v.list {
		text, isWord := w.text, true
		if w.inB {
			text, isWord = way.inB(text)
		}
		neighbour := isWord && decoded && v.follows(i)
		parted := way.between != "" && w.gap != "" // those that touch are one to whoever parts others
		if !neighbour || parted || charset != w.charset {
			flush()
		}
		switch {
		case !neighbour:
			out.Write(asOctets([]byte(w.gap)))
		case parted:
			out.WriteString(way.between)
		}
		if decoded = isWord; !isWord {
			out.WriteString(w.written)
			continue
		}
		charset = w.charset
		pending = append(pending, wordOctets(w.inB, text)...)
	}
	flush()
	out.Write(asOctets([]byte(v.behind)))
	return out.String()
}
