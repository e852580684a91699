package query

import (
	"strconv"
	"strings"
	"time"
	"unicode"
)

// bareDate reads a word that is a day or a range of days without a field: 11/2/96, 25/Dec/96,
// 2026-05-03, 3.5.2026 and two of these joined by - or .. . Only forms that are hardly ever
// anything else count, so that version numbers stay words.
func bareDate(word string, pos int, now time.Time) (Q, bool, error) {
	if !strings.ContainsAny(word[:1], "0123456789") {
		return nil, false, nil
	}
	if from, to, ok := clearDay(word, now); ok {
		return newDate(from, to), true, nil
	}
	for i := range word {
		left, right := word[:i], strings.TrimPrefix(strings.TrimPrefix(word[i:], ".."), "-")
		if left == "" || len(left)+len(right) == len(word) {
			continue
		}
		from, _, okLeft := clearDay(left, now)
		_, to, okRight := clearDay(right, now)
		if okLeft && okRight {
			if !from.Before(to) {
				return nil, false, faultAt(pos, "the dates %s end before they begin", word)
			}
			return newDate(from, to), true, nil
		}
	}
	return nil, false, nil
}

// clearDay reads a full day that is written with slashes, as ISO 8601, or with dots and a year of
// four digits.
func clearDay(s string, now time.Time) (from, to time.Time, ok bool) {
	for _, separator := range []string{"/", "-", "."} {
		parts := strings.Split(s, separator)
		if len(parts) != 3 || strings.ContainsAny(s, strings.ReplaceAll("/-. ,:", separator, "")) {
			continue
		}
		longYear := len(parts[0]) == 4 || separator == "." && len(parts[2]) == 4
		if separator == "/" || longYear {
			return span(s, now)
		}
	}
	return from, to, false
}

func newDate(from, to time.Time) Date {
	if !from.IsZero() {
		from = from.UTC().Truncate(time.Second)
	}
	if !to.IsZero() {
		to = to.UTC().Truncate(time.Second)
	}
	return Date{From: from, To: to}
}

const dateForms = "write a day as 25/12/96, 2026-12-25, 25-Dec-2026 or \"25 Dec 2026\", a month as 2026-12, a year as 2026, or today or yesterday"

// dateRange reads the value of date: one span, or two joined by .. or -, of which .. may leave one
// side out.
func dateRange(v token, now time.Time) (Q, error) {
	if from, to, ok := span(v.text, now); ok {
		return newDate(from, to), nil
	}
	if left, right, found := strings.Cut(v.text, ".."); found {
		from, _, okLeft := span(left, now)
		_, to, okRight := span(right, now)
		if isMoment(right) { // a range of moments ends at the second one
			to, _, _ = span(right, now)
		}
		if left == "" && okRight || right == "" && okLeft || okLeft && okRight {
			return checkRange(v, from, to)
		}
	}
	for i, r := range v.text {
		if r != '-' {
			continue
		}
		from, _, okLeft := span(strings.TrimSpace(v.text[:i]), now)
		_, to, okRight := span(strings.TrimSpace(v.text[i+1:]), now)
		if okLeft && okRight {
			return checkRange(v, from, to)
		}
	}
	return nil, faultAt(v.pos, "%q is not a date; %s", v.text, dateForms)
}

func checkRange(v token, from, to time.Time) (Q, error) {
	d := newDate(from, to)
	if !d.From.IsZero() && !d.To.IsZero() && !d.From.Before(d.To) {
		return nil, faultAt(v.pos, "the dates %s end before they begin", v.text)
	}
	return d, nil
}

func dateBefore(v token, now time.Time) (Q, error) {
	from, _, ok := span(v.text, now)
	if !ok {
		return nil, faultAt(v.pos, "%q is not a date; %s", v.text, dateForms)
	}
	return newDate(time.Time{}, from), nil
}

// dateAfter includes the day itself, as people know it from other mail services.
func dateAfter(v token, now time.Time) (Q, error) {
	from, _, ok := span(v.text, now)
	if !ok {
		return nil, faultAt(v.pos, "%q is not a date; %s", v.text, dateForms)
	}
	return newDate(from, time.Time{}), nil
}

// dateReceived reads a range of times at which messages came in.
func dateReceived(v token, now time.Time) (Q, error) {
	q, err := dateRange(v, now)
	if err != nil {
		return nil, err
	}
	return received(q.(Date)), nil
}

func received(d Date) Date {
	d.Received = true
	return d
}

// ageOf reads a number with a unit: hours, days, weeks, months or years before now. It goes by when
// a message came in: its Date is its author's word, and that of a mail which was held up, or whose
// clock was wrong, says nothing about what is new here.
func ageOf(v token, now time.Time, newer bool) (Q, error) {
	fault := faultAt(v.pos, "%q is not an age; write a number and h, d, w, m (months) or y, as in 30d", v.text)
	if len(v.text) < 2 {
		return nil, fault
	}
	n, err := strconv.Atoi(v.text[:len(v.text)-1])
	if err != nil || n < 0 || n > 100_000 || v.text[0] == '+' {
		return nil, fault
	}
	age := Age{Newer: newer, Count: n, Unit: v.text[len(v.text)-1] | 0x20}
	if !strings.ContainsRune("hdwmy", rune(age.Unit)) {
		return nil, fault
	}
	if age.Since(now).Year() < 1 {
		return nil, faultAt(v.pos, "%q reaches back before all mail", v.text)
	}
	return age, nil
}

func isMoment(s string) bool {
	_, err := time.Parse(time.RFC3339, s)
	return err == nil
}

// span reads one date and returns when it begins and when it is over.
func span(s string, now time.Time) (from, to time.Time, ok bool) {
	if t, err := time.Parse(time.RFC3339, s); err == nil && t.UTC().Year() >= 1 && t.UTC().Year() <= 9999 {
		return t, t.Add(time.Second), !t.IsZero()
	}
	day := func(year int, month time.Month, day int) (time.Time, time.Time, bool) {
		t := time.Date(year, month, day, 0, 0, 0, 0, now.Location())
		return t, time.Date(year, month, day+1, 0, 0, 0, 0, now.Location()), validYear(year) && month >= 1 && t.Month() == month && t.Day() == day
	}
	switch strings.ToLower(s) {
	case "today":
		return day(now.Date())
	case "yesterday":
		return day(now.AddDate(0, 0, -1).Date())
	}
	if strings.Trim(s, "/.-,") != s || strings.Contains(s, "..") {
		return from, to, false
	}
	parts := strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("/.-,", r) })
	if len(parts) == 1 && len(parts[0]) == 8 {
		s := parts[0]
		parts = []string{s[:4], s[4:6], s[6:]}
	}
	d := readDate(parts)
	switch {
	case !d.ok:
		return from, to, false
	case d.month == 0:
		return time.Date(d.year, 1, 1, 0, 0, 0, 0, now.Location()), time.Date(d.year+1, 1, 1, 0, 0, 0, 0, now.Location()), true
	case d.day == 0:
		return time.Date(d.year, d.month, 1, 0, 0, 0, 0, now.Location()), time.Date(d.year, d.month+1, 1, 0, 0, 0, 0, now.Location()), true
	case d.year == 0:
		return day(now.Year(), d.month, d.day)
	}
	return day(d.year, d.month, d.day)
}

func validYear(year int) bool { return 1900 <= year && year <= 2200 }

// written is a date as it was written; what was left out is 0.
type written struct {
	year  int
	month time.Month
	day   int
	ok    bool
}

// readDate orders one to three numbers and month names into a date.
func readDate(parts []string) written {
	if len(parts) < 1 || len(parts) > 3 {
		return written{}
	}
	var month time.Month
	var numbers []int
	var long []bool // has four digits: a year
	for _, p := range parts {
		if m := monthNamed(p); m != 0 && month == 0 {
			month = m
			continue
		}
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil {
			return written{}
		}
		numbers, long = append(numbers, int(n)), append(long, len(p) == 4)
	}
	var d written
	switch {
	case len(parts) == 1 && month == 0 && long[0]:
		d = written{year: numbers[0]}
	case len(parts) == 2 && month != 0 && !long[0] && numbers[0] <= 31:
		d = written{month: month, day: numbers[0]}
		d.ok = d.day > 0
		return d
	case len(parts) == 2 && month != 0:
		d = written{year: numbers[0], month: month}
	case len(parts) == 2 && long[0]:
		d = written{year: numbers[0], month: time.Month(numbers[1])}
	case len(parts) == 2 && long[1]:
		d = written{year: numbers[1], month: time.Month(numbers[0])}
	case len(parts) == 3 && month != 0 && len(numbers) == 2:
		d = written{year: numbers[1], month: month, day: numbers[0]}
		if long[0] || numbers[0] > 31 {
			d.year, d.day = numbers[0], numbers[1]
		}
	case len(parts) == 3 && month == 0 && (long[0] || numbers[0] > 31):
		d = inOrder(numbers[0], numbers[2], numbers[1])
	case len(parts) == 3 && month == 0:
		d = inOrder(numbers[2], numbers[0], numbers[1])
	default:
		return written{}
	}
	if d.year < 69 { // two digits, as POSIX reads them
		d.year += 2000
	} else if d.year < 100 {
		d.year += 1900
	}
	d.ok = validYear(d.year) && d.month <= 12 && (len(parts) == 1 || d.month >= 1) && (len(parts) < 3 || d.day >= 1)
	return d
}

// inOrder takes the day before the month unless only the other order makes a date.
func inOrder(year, day, month int) written {
	if month > 12 && day <= 12 {
		day, month = month, day
	}
	return written{year: year, month: time.Month(month), day: day}
}

func monthNamed(s string) time.Month {
	s = strings.ToLower(s)
	for m := time.January; m <= time.December; m++ {
		name := strings.ToLower(m.String())
		if s == name || s == name[:3] || s == "sept" && m == time.September {
			return m
		}
	}
	return 0
}
