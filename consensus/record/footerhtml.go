package record

import (
	"bytes"
	"iter"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/html"
)

// place says where an element of a footer may stand and what it does to the line before it.
type place struct {
	breaks bool   // begins on a line of its own
	void   bool   // has no end tag
	runs   bool   // and yet some programs have no line of its own for it
	within string // only within such an element of the footer, else it would continue one of the author's
	looks  bool   // its letters look otherwise than those around, or it has a mark of its own
}

// inside reports whether an element is a part of a table, whose text some programs show in a row.
func (p place) inside() bool { return p.within == "table" }

// footerElements are those that a footer may have. None of them runs, loads a document, brings a
// style sheet, is a control, leaves the flow of the text, or counts: what stands in front of the
// items of an ordered list is in no text.
var footerElements = map[string]place{
	"p": {breaks: true}, "div": {breaks: true}, "center": {breaks: true, runs: true}, "br": {breaks: true, void: true},
	"blockquote": {breaks: true, looks: true}, "pre": {breaks: true, looks: true}, "hr": {breaks: true, void: true},
	"h4": {breaks: true, looks: true}, "h5": {breaks: true, looks: true}, "h6": {breaks: true, looks: true},
	"ul": {breaks: true}, "li": {breaks: true, runs: true, within: "ul", looks: true}, "img": {void: true},
	"table": {breaks: true}, "tbody": {within: "table"}, "thead": {within: "table"}, "tr": {within: "table"},
	"td": {within: "table"}, "th": {within: "table", looks: true},
	"span": {looks: true}, "a": {looks: true}, "b": {looks: true}, "i": {looks: true}, "u": {looks: true}, "em": {looks: true},
	"strong": {looks: true}, "small": {looks: true}, "font": {looks: true}, "tt": {looks: true}, "code": {looks: true},
	"sub": {looks: true}, "sup": {looks: true},
}

// How much a footer may have of what could draw: seven digits have a piece each that differs from
// what is around it in five lines, and that is 35.
const (
	maxLooks  = 24 // elements whose letters may look otherwise, or that have a mark
	maxCells  = 24 // of tables: empty ones leave gaps
	maxRules  = 4
	thickRule = 4 // px: what is higher is no rule but a stroke

	// Words stand in lines as the source has them, and on the screen: in what is narrow each has a
	// line, of what is wide the end is out of sight.
	leastWidth, mostWidth = 300, 800
	usualWidth            = 600 // where nothing says it
	mostHeight            = 100
	mostPadding           = 16
	mostLight             = 176 // of 255: lighter letters are hardly seen
	leastLight            = 224 // of what is behind them
)

// footerHTML reports whether HTML source that was put behind the author's can do no more than stand
// there: it begins on a line of its own, has only footerElements, too few to draw with, closes only
// what it opened, and has no attribute or style that could paint over the author's words or join
// theirs.
func footerHTML(author, added []byte) bool {
	if !endsInText(author) {
		return false
	}
	f := footer{letters: []float64{usualLetters}, room: []float64{usualWidth}, dark: !isLight(author)}
	read := 0
	for z := html.NewTokenizer(bytes.NewReader(added)); ; {
		kind := z.Next()
		read += len(z.Raw())
		switch kind {
		case html.ErrorToken: // what is left of an unfinished tag would go on in what follows
			return read == len(added) && len(z.Raw()) == 0
		case html.TextToken:
			if bytes.ContainsRune(z.Raw(), '<') { // with what follows it may begin something
				return false
			}
			if len(bytes.TrimSpace(z.Text())) > 0 && (!f.broken || f.betweenCells()) {
				return false
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			if t := z.Token(); !f.begins(&t) {
				return false
			}
		case html.EndTagToken:
			if name, _ := z.TagName(); !f.ends(string(name)) {
				return false
			}
		default: // comments may be conditions
			return false
		}
	}
}

// footer is what was read of one.
type footer struct {
	open                []string
	letters             []float64 // how high they are in what is around, and in those open
	room                []float64 // how wide, in px, a line is there
	dark                bool      // letters may stand on something else than white
	filled              bool      // the table has a row
	broken              bool      // it is on a line of its own
	cell                bool      // its row has one
	looks, cells, rules int
}

// begins reads a start tag, and reports whether a footer may have it there.
func (f *footer) begins(t *html.Token) bool {
	element, ok := footerElements[t.Data]
	if !ok || !f.has(element.within) || t.Data == "img" && !f.broken || t.Data == "table" && f.has("table") || !element.inside() && f.betweenCells() {
		return false
	}
	looks := element.looks
	for _, a := range t.Attr {
		if !footerAttribute(t.Data, a.Key, a.Val) || f.dark && colours(a.Key, a.Val) {
			return false
		}
		looks = looks || slices.Contains([]string{"color", "face", "size", "style"}, a.Key) || a.Key == "align" && !strings.EqualFold(a.Val, "left")
	}
	if looks {
		f.looks++
	}
	switch t.Data {
	case "table":
		f.filled = false
	case "thead": // is shown on top
		if f.filled {
			return false
		}
	case "tr":
		f.cell = false
	case "td", "th": // lines of two beside each other are read across
		if f.cell {
			return false
		}
		f.cell = true
		f.cells++
	case "hr":
		f.rules++
	}
	f.filled = f.filled || element.inside()
	f.broken = f.broken || element.breaks
	size, room := lettersIn(t, f.letters[len(f.open)]), roomIn(t, f.room[len(f.open)])
	if !element.void {
		f.open, f.letters, f.room = append(f.open, t.Data), append(f.letters, size), append(f.room, room)
	}
	return size >= leastLetters && room >= leastWidth && f.looks <= maxLooks && f.cells <= maxCells && f.rules <= maxRules
}

// betweenCells reports whether what comes is in a table and in none of its cells: a parser puts it
// in front of the table.
func (f *footer) betweenCells() bool {
	return len(f.open) > 0 && slices.Contains([]string{"table", "tbody", "thead", "tr"}, f.open[len(f.open)-1])
}

// has reports whether such an element of the footer is open. A list is not to what stands in cells
// inside of it: a parser closes one that stands between a table and its cells.
func (f *footer) has(element string) bool {
	for _, open := range slices.Backward(f.open) {
		switch {
		case open == element:
			return true
		case element == "ul" && footerElements[open].inside():
			return false
		}
	}
	return element == ""
}

// ends reads an end tag, and reports whether a footer may have it there.
func (f *footer) ends(name string) bool {
	if at := innermost(f.open, name); at >= 0 {
		f.open, f.letters, f.room = f.open[:at], f.letters[:at+1], f.room[:at+1]
		return true
	}
	return name == "body" || name == "html" // what follows these is body still
}

// innermost returns the place in open of the element that an end tag of that name closes, -1 if
// there is none: the last one, but for those whose end tags may be left out. Over any other a
// parser would close elements around it, in the end the author's.
func innermost(open []string, name string) int {
	for i := len(open) - 1; i >= 0; i-- {
		if open[i] == name {
			return i
		}
		if !slices.Contains([]string{"p", "li", "tbody", "thead", "tr", "td", "th"}, open[i]) {
			break
		}
	}
	return -1
}

// endsInText reports whether what follows source is read as HTML on its own would be, and shown
// behind it: no tag, comment, element without markup inside or one that moves what does not belong
// into it is left open.
func endsInText(source []byte) bool {
	raw, comment, read := "", false, 0
	moving := map[string]int{} // open elements of that kind
	for z := html.NewTokenizer(bytes.NewReader(source)); ; {
		kind := z.Next()
		read += len(z.Raw())
		switch kind {
		case html.ErrorToken:
			return raw == "" && len(moving) == 0 && !comment && read == len(source) && len(z.Raw()) == 0 && !bytes.HasSuffix(bytes.TrimSuffix(source, []byte("/")), []byte("<"))
		case html.CommentToken:
			comment = !closedComment(z.Raw())
		case html.StartTagToken:
			name, _ := z.TagName()
			switch name := string(name); name {
			case "table", "select", "template", "svg", "math":
				moving[name]++
			default:
				if isRaw(name) {
					raw = name
				}
			}
		case html.EndTagToken:
			switch name, _ := z.TagName(); string(name) {
			case raw:
				raw = ""
			case "table", "select", "template", "svg", "math":
				if moving[string(name)]--; moving[string(name)] <= 0 {
					delete(moving, string(name))
				}
			}
		}
	}
}

// closedComment reports whether the source of a comment has its end, "-->" or, of what is no proper
// one, ">".
func closedComment(source []byte) bool {
	if !bytes.HasPrefix(source, []byte("<!--")) {
		return bytes.HasSuffix(source, []byte(">"))
	}
	return bytes.HasSuffix(source, []byte("-->")) || bytes.HasSuffix(source, []byte("--!>"))
}

// footerAttribute reports whether an element of a footer may have that attribute. There is no class
// or id: the author's style sheet may give them any meaning.
func footerAttribute(element, name, value string) bool {
	lower := strings.ToLower(value)
	switch name {
	case "face":
		return isTextFont(lower)
	case "title", "alt", "lang", "target", "rel", "noshade":
		return true
	case "href":
		return element == "a" && hasScheme(lower, "http:", "https:", "mailto:")
	case "src":
		return element == "img" && hasScheme(lower, "http:", "https:", "cid:")
	case "align", "valign":
		if element == "table" || element == "img" { // would float beside the author's words
			return slices.Contains([]string{"center", "top", "middle", "bottom"}, lower)
		}
		return slices.Contains([]string{"left", "center", "justify", "top", "middle", "bottom", "baseline"}, lower)
	case "dir": // cells and pieces of a line stand in the order of the source
		return lower == "ltr" && footerElements[element].breaks
	case "width":
		percent, relative := strings.CutSuffix(value, "%")
		return slices.Contains([]string{"hr", "img"}, element) && upTo(percent, mostWidth) || relative && upTo(percent, 100) && !upTo(percent, 49) ||
			upTo(value, mostWidth) && !upTo(value, leastWidth-1)
	case "cellpadding", "cellspacing":
		return upTo(value, mostPadding)
	case "height", "colspan":
		return upTo(value, mostHeight) || element == "img" && upTo(value, mostWidth)
	case "rowspan":
		return value == "1"
	case "border": // boxes are strokes to draw with
		return value == "0"
	case "size":
		return element == "hr" && upTo(value, thickRule) || element == "font" && slices.Contains([]string{"1", "2", "3", "4", "5", "-2", "-1", "+1", "+2"}, value)
	case "color":
		return isColour(lower)
	case "style":
		return footerStyle(lower) && !(element == "hr" && strings.Contains(lower, "padding")) // a rule would be a box
	}
	return false
}

func hasScheme(url string, schemes ...string) bool {
	return slices.ContainsFunc(schemes, func(s string) bool { return strings.HasPrefix(url, s) })
}

// footerStyle reports whether a style in lower case says only how the footer's own letters look and
// how far apart it stands. Letters stay small and lines at least as high as they are: else they
// could reach over the lines above.
func footerStyle(style string) bool {
	for name, value := range declarations(style) {
		if !footerDeclaration(name, value) {
			return false
		}
	}
	return true
}

// declarations are the properties of a style with their values.
func declarations(style string) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for declaration := range strings.SplitSeq(style, ";") {
			name, value, _ := strings.Cut(declaration, ":")
			if strings.TrimSpace(declaration) != "" && !yield(strings.TrimSpace(name), strings.TrimSpace(value)) {
				return
			}
		}
	}
}

func footerDeclaration(name, value string) bool {
	is := func(keywords ...string) bool { return slices.Contains(keywords, value) }
	switch name {
	case "color":
		return isColour(value)
	case "font-family":
		return isTextFont(value)
	case "font-size":
		return styleSizes[value] != 0 || value == "smaller" || isLength(value, 24, 18, 1, 100) && !isLength(value, 0, 0, 0.74, 74)
	case "font-style":
		return is("normal", "italic", "oblique")
	case "font-weight":
		return is("normal", "bold", "bolder", "lighter") || upTo(value, 900)
	case "text-align":
		return is("left", "center", "justify", "start")
	case "text-decoration":
		return is("none", "underline")
	case "line-height":
		n, err := strconv.ParseFloat(value, 64)
		return is("normal") || err == nil && isNumber(value) && n >= 1 && n <= 3
	}
	for _, box := range []string{"margin", "padding"} {
		if side, ok := strings.CutPrefix(name, box); ok && slices.Contains([]string{"", "-top", "-right", "-bottom", "-left"}, side) {
			return !slices.ContainsFunc(strings.Fields(value), func(v string) bool { return v != "auto" && v != "0" && !isLength(v, 64, 48, 4, 10) })
		}
	}
	return false
}

// textFonts are fonts in which every letter is that letter: in those of symbols it may be a digit.
var textFonts = strings.Split("serif,sans-serif,monospace,system-ui,ui-sans-serif,-apple-system,blinkmacsystemfont,inherit,initial,"+
	"arial,arial narrow,arial black,helvetica,helvetica neue,times,times new roman,georgia,verdana,tahoma,trebuchet ms,calibri,cambria,candara,"+
	"consolas,constantia,corbel,aptos,segoe ui,courier,courier new,lucida grande,lucida sans,lucida sans unicode,lucida console,geneva,monaco,menlo,"+
	"palatino,palatino linotype,book antiqua,garamond,century gothic,roboto,open sans,lato,ubuntu,inter,noto sans,noto serif,source sans pro,"+
	"dejavu sans,dejavu sans mono,dejavu serif,liberation sans,liberation serif,liberation mono,ms gothic,ms pgothic,ms mincho,ms pmincho,meiryo,"+
	"yu gothic,simsun,simhei,microsoft yahei,microsoft jhenghei,pingfang sc,malgun gothic,gulim,batang,hiragino sans", ",")

// isTextFont reports whether all fonts of a list in lower case are textFonts.
func isTextFont(fonts string) bool {
	for font := range strings.SplitSeq(fonts, ",") {
		if !slices.Contains(textFonts, strings.Trim(font, ` '"`)) {
			return false
		}
	}
	return true
}

// isLength reports whether s is a number that is not negative, with a unit, and not above that
// unit's bound.
func isLength(s string, px, pt, em, percent float64) bool {
	for unit, most := range map[string]float64{"px": px, "pt": pt, "em": em, "%": percent} {
		if number, ok := strings.CutSuffix(s, unit); ok && isNumber(number) {
			n, err := strconv.ParseFloat(number, 64)
			return err == nil && n <= most
		}
	}
	return false
}

// isNumber reports whether s has only digits and points.
func isNumber(s string) bool { return s != "" && strings.Trim(s, digits+".") == "" }

// upTo reports whether s is a whole number from 0 to most.
func upTo(s string, most int) bool {
	n, err := strconv.Atoi(s)
	return err == nil && isNumber(s) && n <= most
}

// darkColours are the names of usual ones that are seen on white.
var darkColours = strings.Fields("black gray grey dimgray dimgrey darkgray darkgrey slategray slategrey darkslategray darkslategrey navy blue darkblue " +
	"mediumblue midnightblue royalblue steelblue teal darkcyan green darkgreen forestgreen seagreen olive purple indigo brown maroon darkred " +
	"firebrick red crimson windowtext inherit")

// isColour reports whether s is one of darkColours, or in hexadecimal or as rgb(r, g, b) as dark as
// these.
func isColour(s string) bool {
	if slices.Contains(darkColours, s) {
		return true
	}
	light, ok := lightOf(s)
	return ok && light <= mostLight*1000
}

// lightOf is how light a colour in hexadecimal or as rgb(r, g, b) is, in thousandths of 255.
func lightOf(s string) (light int, ok bool) {
	var parts []string
	base := 16
	hex, isHex := strings.CutPrefix(s, "#")
	inner, isRGB := strings.CutPrefix(s, "rgb(")
	switch {
	case isHex && len(hex) == 3:
		parts = []string{hex[:1] + hex[:1], hex[1:2] + hex[1:2], hex[2:] + hex[2:]}
	case isHex && len(hex) == 6:
		parts = []string{hex[:2], hex[2:4], hex[4:]}
	case isRGB && strings.HasSuffix(inner, ")"):
		base = 10
		for part := range strings.SplitSeq(inner[:len(inner)-1], ",") {
			parts = append(parts, strings.TrimSpace(part))
		}
	}
	if len(parts) != 3 {
		return 0, false
	}
	for i, weight := range []int{299, 587, 114} { // ITU-R BT.601, section 2.5.1
		n, err := strconv.ParseUint(parts[i], base, 8)
		if err != nil {
			return 0, false
		}
		light += weight * int(n)
	}
	return light, true
}
