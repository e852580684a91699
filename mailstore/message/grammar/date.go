package grammar

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// zoneNames are the abbreviations that may stand in a comment behind a numeric zone, with the
// offsets in minutes that they name. Others would be text that some programs show.
var zoneNames = map[string][]int{
	"UTC": {0}, "GMT": {0}, "WET": {0}, "WEST": {60}, "BST": {60}, "IST": {60, 330}, "CET": {60}, "CEST": {120},
	"MET": {60}, "MEST": {120}, "EET": {120}, "EEST": {180}, "MSK": {180}, "MSD": {240}, "SAST": {120},
	"EST": {-300}, "EDT": {-240}, "CST": {-360, 480}, "CDT": {-300}, "MST": {-420}, "MDT": {-360}, "PST": {-480}, "PDT": {-420},
	"AKST": {-540}, "AKDT": {-480}, "HST": {-600}, "NST": {-210}, "NDT": {-150}, "AST": {-240}, "ADT": {-180},
	"JST": {540}, "KST": {540}, "HKT": {480}, "SGT": {480}, "AEST": {600}, "AEDT": {660}, "NZST": {720}, "NZDT": {780},
}

// Weekdays are the names of days in dates.
var Weekdays = []string{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}

const monthNames = "JanFebMarAprMayJunJulAugSepOctNovDec"

// Date reads a date-time of RFC 5322, section 3.3, with a numeric zone or GMT. Nothing but the
// usual abbreviation of the zone may stand behind it. wrong is the day of the week if it is there
// and not that of the date.
func Date(value string) (t time.Time, wrong string, ok bool) {
	tokens := strings.Fields(value)
	if !isPrintable(value) || len(tokens) == 0 || strings.Contains(value, "\t") { // some programs see no date then
		return t, "", false
	}
	weekday, hasDay := strings.CutSuffix(tokens[0], ",")
	if hasDay {
		tokens = tokens[1:]
	}
	if len(tokens) < 5 || len(tokens) > 6 {
		return t, "", false
	}
	day, ok1 := number(tokens[0], 1, 2, 31)
	month := strings.Index(monthNames, tokens[1])
	year, ok2 := number(tokens[2], 4, 4, 9999)
	clock, ok3 := clockOf(tokens[3])
	offset, ok4 := zoneOf(tokens[4])
	if !ok1 || !ok2 || !ok3 || !ok4 || len(tokens[1]) != 3 || month < 0 || month%3 != 0 || year < 1900 {
		return t, "", false
	}
	if len(tokens) == 6 && !namesZone(tokens[5], offset) {
		return t, "", false
	}
	date := time.Date(year, time.Month(month/3+1), day, 0, 0, 0, 0, time.UTC)
	if date.Day() != day || hasDay && !slices.Contains(Weekdays, weekday) {
		return t, "", false
	}
	if hasDay && date.Weekday().String()[:3] != weekday {
		wrong = weekday
	}
	return date.Add(clock - time.Duration(offset)*time.Minute), wrong, true
}

func number(s string, least, most, limit int) (int, bool) {
	if len(s) < least || len(s) > most {
		return 0, false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n <= limit
}

func clockOf(s string) (time.Duration, bool) {
	parts := strings.Split(s, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return 0, false
	}
	hour, ok1 := number(parts[0], 2, 2, 23)
	minute, ok2 := number(parts[1], 2, 2, 59)
	second, ok3 := 0, true
	if len(parts) == 3 {
		second, ok3 = number(parts[2], 2, 2, 59)
	}
	return time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(second)*time.Second, ok1 && ok2 && ok3
}

// zoneOf returns a zone's offset in minutes.
func zoneOf(s string) (int, bool) {
	if s == "GMT" {
		return 0, true
	}
	if len(s) != 5 || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	hours, ok1 := number(s[1:3], 2, 2, 14)
	minutes, ok2 := number(s[3:], 2, 2, 59)
	offset := hours*60 + minutes
	if s[0] == '-' {
		offset = -offset
	}
	return offset, ok1 && ok2
}

func namesZone(comment string, offset int) bool {
	name, ok := strings.CutPrefix(comment, "(")
	if !ok {
		return false
	}
	if name, ok = strings.CutSuffix(name, ")"); !ok {
		return false
	}
	for _, known := range zoneNames[name] {
		if known == offset {
			return true
		}
	}
	return false
}
