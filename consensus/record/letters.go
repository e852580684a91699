package record

import (
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/html"
)

// How high letters are where nothing says it, and at least: of smaller ones nothing is seen, nor of
// blanks.
const (
	usualLetters = 16 // px
	leastLetters = 6
)

// Sizes in px by name: of styles, and of the attribute size.
var (
	styleSizes = map[string]float64{"xx-small": 9, "x-small": 10, "small": 13, "medium": 16, "large": 18}
	fontSizes  = map[string]float64{"-2": 10, "-1": 13, "1": 10, "2": 13, "3": 16}
)

// shrinking are elements whose letters are that share of those around.
var shrinking = map[string]float64{"small": smaller, "sub": smaller, "sup": smaller, "h5": smaller, "h6": 0.67}

const smaller = 0.83

// lettersIn is how high the letters of an element are, in px, the least of what programs make of
// it.
func lettersIn(t *html.Token, around float64) float64 {
	var all []float64
	if share, ok := shrinking[t.Data]; ok {
		all = append(all, share*around)
	}
	for _, a := range t.Attr {
		if size, ok := fontSizes[a.Val]; ok && t.Data == "font" && a.Key == "size" {
			all = append(all, size)
		}
		if a.Key != "style" {
			continue
		}
		for name, value := range declarations(strings.ToLower(a.Val)) {
			if name == "font-size" {
				all = append(all, sizeOf(value, around))
			}
		}
	}
	if len(all) == 0 {
		return around
	}
	return slices.Min(all)
}

// sizeOf is a size that letters in a style of a footer may have, in px.
func sizeOf(value string, around float64) float64 {
	if size, ok := styleSizes[value]; ok {
		return size
	}
	if value == "smaller" {
		return smaller * around
	}
	for unit, one := range map[string]float64{"px": 1, "pt": 4.0 / 3, "em": around, "%": around / 100} {
		if number, ok := strings.CutSuffix(value, unit); ok {
			n, _ := strconv.ParseFloat(number, 64)
			return n * one
		}
	}
	return 0
}
