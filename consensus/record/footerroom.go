package record

import (
	"bytes"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/html"
)

// Insets in px that elements have by themselves, and that a length with a unit has at the most.
var (
	ownInsets = map[string]float64{"ul": 40, "blockquote": 80}
	unitsInPx = map[string]float64{"px": 1, "pt": 4.0 / 3, "em": 24, "%": usualWidth / 100}
)

// roomIn is how wide a line in an element is at the least, in px, if it is so wide around it.
func roomIn(t *html.Token, around float64) float64 {
	room := around
	for _, a := range t.Attr {
		number, relative := strings.CutSuffix(a.Val, "%")
		n, err := strconv.ParseFloat(number, 64)
		switch {
		case a.Key == "style":
			room -= insetsOf(strings.ToLower(a.Val))
		case err != nil || footerElements[t.Data].void:
		case a.Key == "width" && relative:
			room = min(room, around*n/100)
		case a.Key == "width":
			room = min(room, n)
		}
	}
	for _, a := range t.Attr { // of what the width has left
		if n, err := strconv.ParseFloat(a.Val, 64); err == nil && (a.Key == "cellpadding" || a.Key == "cellspacing") {
			room -= 2 * n
		}
	}
	return room - ownInsets[t.Data]
}

// insetsOf is how much narrower margins and padding of a style in lower case make a line, in px.
func insetsOf(style string) (px float64) {
	for name, value := range declarations(style) {
		box, side, _ := strings.Cut(name, "-")
		if box != "margin" && box != "padding" || side == "top" || side == "bottom" {
			continue
		}
		most := 0.0
		for _, v := range strings.Fields(value) {
			most = max(most, pxOf(v))
		}
		if side == "" {
			most *= 2
		}
		px += most
	}
	return px
}

// pxOf is a length with a unit in px.
func pxOf(length string) float64 {
	for unit, px := range unitsInPx {
		if number, ok := strings.CutSuffix(length, unit); ok {
			n, err := strconv.ParseFloat(number, 64)
			if err == nil {
				return n * px
			}
		}
	}
	return 0
}

// background is what gives a page or a piece of it something to stand on, with the first word of
// what it is given.
var background = regexp.MustCompile(`(?i)\b(?:bgcolor|background(?:-color|-image)?)\s*[:=]\s*["']?\s*([^\s;"'>}]*)`)

// isLight reports whether nothing in HTML source puts letters on something else than white, or
// nearly.
func isLight(source []byte) bool {
	for _, m := range background.FindAllSubmatch(source, -1) {
		value := string(bytes.ToLower(m[1]))
		light, ok := lightOf(value)
		if !slices.Contains([]string{"white", "none", "transparent", "inherit", "initial"}, value) && !(ok && light >= leastLight*1000) {
			return false
		}
	}
	return true
}

// colours reports whether an attribute gives letters a colour.
func colours(name, value string) bool {
	if name != "style" {
		return name == "color"
	}
	for property := range declarations(strings.ToLower(value)) {
		if property == "color" {
			return true
		}
	}
	return false
}
