package message

import (
	"strconv"
	"strings"
	"time"
)

// zones of RFC 5322, section 4.3; other letters mean +0000, as that section says. The machine's own
// zone never plays a part.
var zones = map[string]int{"EDT": -4, "EST": -5, "CDT": -5, "CST": -6, "MDT": -6, "MST": -7, "PDT": -7, "PST": -8}

var months = map[string]time.Month{"jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12}

// parseDate reads a date-time (RFC 5322, sections 3.3 and 4.3) by its tokens, in any order that
// leaves no doubt, so that "Tue Sep 10 14:54:09 2002" and dates with comments or odd commas are
// understood too. ok is false if day, month, year or time is not there or out of range.
func parseDate(s string) (t time.Time, ok bool) {
	var day, year, hour, minute, second, offset int
	var month time.Month
	haveTime, haveZone := false, false
	for _, token := range strings.FieldsFunc(dropComments(s), func(r rune) bool { return r == ' ' || r == '\t' || r == ',' }) {
		number, err := strconv.Atoi(token)
		switch {
		case strings.Contains(token, ":") && !haveTime:
			if hour, minute, second, haveTime = clock(token); !haveTime {
				return t, false
			}
		case (token[0] == '+' || token[0] == '-') && err == nil && !haveZone:
			offset, haveZone = (number/100*60+number%100)*60, true
		case err == nil && day == 0 && len(token) <= 2:
			day = number
		case err == nil && year == 0 && number >= 0:
			year = fullYear(number, len(token))
		case len(token) >= 3 && months[strings.ToLower(token[:3])] != 0 && month == 0:
			month = months[strings.ToLower(token[:3])]
		case zones[strings.ToUpper(token)] != 0 && !haveZone:
			offset, haveZone = zones[strings.ToUpper(token)]*3600, true
		}
	}
	if !haveTime || month == 0 || day < 1 || day > 31 || year < 1 || year > 9999 || offset <= -86400 || offset >= 86400 {
		return t, false
	}
	return time.Date(year, month, day, hour, minute, second, 0, time.UTC).Add(-time.Duration(offset) * time.Second), true
}

func clock(token string) (hour, minute, second int, ok bool) {
	parts := strings.Split(token, ":")
	if len(parts) > 3 {
		return 0, 0, 0, false
	}
	numbers := [3]int{}
	for i, part := range parts {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 {
			return 0, 0, 0, false
		}
		numbers[i] = n
	}
	return numbers[0], numbers[1], numbers[2], numbers[0] < 24 && numbers[1] < 60 && numbers[2] <= 60
}

// fullYear follows RFC 5322, section 4.3.
func fullYear(number, digits int) int {
	switch {
	case digits <= 2 && number < 50:
		return number + 2000
	case digits <= 3:
		return number + 1900
	}
	return number
}
