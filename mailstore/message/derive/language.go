package derive

import (
	"unicode/utf8"

	"github.com/abadojack/whatlanggo"

	"cairn/mailstore/message"
)

// Bounds of the text that a language is guessed from, in octets: less says nothing, more says no
// more.
const (
	minSpeech = 40
	maxSpeech = 4 << 10
)

// language is the language that the text seems to be in, as a subtag of BCP 47; none where that is
// not clear. Of a message without plain text it is that of the HTML.
func language(d *message.Dissection) []message.Component {
	text := speech(d)
	if len(text) < minSpeech {
		return nil
	}
	guess := whatlanggo.Detect(string(text))
	if !guess.IsReliable() {
		return nil
	}
	tag := guess.Lang.Iso6391() // the shorter one, where there are two (BCP 47, section 2.2.1)
	if tag == "" {
		tag = guess.Lang.Iso6393()
	}
	return []message.Component{derived(0, []byte(tag))}
}

// speech is the beginning of what a reader reads.
func speech(d *message.Dissection) []byte {
	var plain, rich words
	for _, leaf := range d.Body().Leaves {
		switch {
		case leaf.Type == message.Text && len(plain.text) < maxSpeech:
			plain.space = true
			plain.write(head(leaf.Text, maxSpeech))
		case leaf.Type == message.HTML && len(rich.text) < maxSpeech:
			rich.space = true
			htmlText.read(head(leaf.Text, 16*maxSpeech), &rich)
		}
	}
	if len(plain.text) < minSpeech {
		return head(rich.text, maxSpeech)
	}
	return head(plain.text, maxSpeech)
}

// head is the beginning of text, at most n octets and whole characters.
func head(text []byte, n int) []byte {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}
