package message_test

import (
	"net/mail"
	"regexp"
	"testing"

	"cairn/mailstore/message"
)

func TestDates(t *testing.T) {
	for in, want := range map[string]string{
		"Sat, 21 Nov 2026 10:00:00 +0000":             "1795255200",
		"21 Nov 26 10:00 GMT":                         "1795255200",
		"Sat,21 Nov 2026 05:00:00 EST":                "1795255200",
		"Sat, 21 Nov 2026 15:30:00 +0530 (IST (Ind))": "1795255200",
		"Sat Nov 21 10:00:00 2026":                    "1795255200",
		"Sat Nov 21 10:00:00 XYZ 2026":                "1795255200",
		"Saturday, 21-Nov-2026 10:00:00":              "unreadable: Saturday, 21-Nov-2026 10:00:00",
		"21 November 2026 10:00:00 -0000":             "1795255200",
		"1 Jan 1970 00:00:00 +0000":                   "0",
		"1 Jan 1969 00:00:00 +0000":                   "-31536000",
		"31 Dec 2016 23:59:60 +0000":                  "1483228800",
		"32 Nov 2026 10:00:00 +0000":                  "unreadable: 32 Nov 2026 10:00:00 +0000",
		"21 Nov 2026 25:00:00 +0000":                  "unreadable: 21 Nov 2026 25:00:00 +0000",
		"21 Nov 2026 10:00:00 +9999":                  "unreadable: 21 Nov 2026 10:00:00 +9999",
		"tomorrow":                                    "unreadable: tomorrow",
	} {
		var got string
		for _, c := range message.ComponentsV1([]byte("Date: "+in+"\n\n"), nil) {
			if c.Type == message.Date {
				got = string(c.Content())
			}
		}
		if got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

var numericZone = regexp.MustCompile(`[+-]\d{4}( \([^)]*\))?$`)

// TestDatesAgainstLibrary takes the standard library as the judge of dates with a numeric zone;
// with a named one it depends on the machine.
func TestDatesAgainstLibrary(t *testing.T) {
	checked := 0
	mails(t, []string{"ham", "spam", "intl", "phishing", "transit"}, func(path string, raw []byte) {
		m := message.Parse(raw)
		value := m.Header("Date")
		expected, err := mail.ParseDate(value)
		if err != nil || !numericZone.MatchString(value) {
			return
		}
		checked++
		if !m.Date.Equal(expected) {
			t.Errorf("%s: %q: %s, the library says %s", path, value, m.Date, expected)
		}
	})
	if checked < 1500 {
		t.Errorf("only %d dates checked", checked)
	}
}
