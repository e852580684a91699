package message

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"cairn/mailstore/message/grammar"
)

// hintOctets notes what a field says that counts by its octets, so that it is known where it
// arrives without what made it count so.
func (d *Dissection) hintOctets(t Type, value string) {
	switch t {
	case Subject:
		if shown, padded := grammar.PaddedWords(value); padded {
			d.hints = append(d.hints, Hint{HintWords, []byte(shown)})
		}
	case Date:
		if when, ok := numericDate(value); ok {
			d.hints = append(d.hints, Hint{HintDate, dateContent(when, "")})
		}
	case InReplyTo, References:
		for _, id := range grammar.IDsAmong(value, maxIDHints) {
			d.hints = append(d.hints, Hint{HintID, []byte(id)})
		}
	}
}

// dateContent is the content of the component of a date, with the day of the week if that is wrong.
func dateContent(when time.Time, wrong string) []byte {
	content := strconv.AppendInt(nil, when.Unix(), 10)
	if wrong != "" {
		content = append(append(content, ' '), wrong...)
	}
	return content
}

// numericDate reads a date that is inside the grammar but for a comment behind it, or for one of
// the zones of RFC 5322, section 4.3, in the place of its number, of which programs then read the
// same instant.
func numericDate(value string) (time.Time, bool) {
	if at := strings.IndexByte(value, '('); at >= 0 {
		if dropComments(value[at:]) != "" {
			return time.Time{}, false
		}
		value = value[:at]
	}
	value = strings.TrimRight(value, " ")
	last := strings.LastIndexByte(value, ' ') + 1
	zone := value[last:]
	if offset := zones[zone]; offset != 0 || zone == "UT" || zone == "UTC" {
		value = value[:last] + fmt.Sprintf("%+05d", offset*100)
	}
	when, wrong, ok := grammar.Date(value)
	return when, ok && wrong == ""
}
