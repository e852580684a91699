package htmltext

import "strings"

// maxOpen is how many open elements are followed. Browsers nest about as deep.
const maxOpen = 512

// vocabulary is what gives an element its meaning.
type vocabulary byte

const (
	inHTML vocabulary = iota
	inSVG
	inMath
)

// element is an open one.
type element struct {
	name   string
	of     vocabulary
	point  bool // an integration point of svg or math: start tags and text in it are HTML
	unseen bool // text in it is not shown
}

// nesting is what is open from the outermost svg or math on, by the HTML standard's rules for
// parsing tokens in foreign content. What is open around that is not followed, and HTML in
// integration points only as far as it nests. A tag that may have ended what is open, or not, loses
// it, and so does one whose effect is not followed. What is told as known is so for a full parser
// too.
type nesting struct {
	open   []element
	unseen int  // how many of the open ones are
	lost   bool // it is not known what is open below those
	points bool // an integration point may be among what is lost
}

// some tells whether anything may be open.
func (n *nesting) some() bool { return len(n.open) > 0 || n.lost }

// foreign tells whether the innermost element is known to be one of svg or math.
func (n *nesting) foreign() bool { return len(n.open) > 0 && n.top().of != inHTML }

// unknown tells whether the innermost element may be either.
func (n *nesting) unknown() bool { return len(n.open) == 0 && n.lost }

func (n *nesting) top() element { return n.open[len(n.open)-1] }

// start opens an element. It returns whether its tag is one of HTML, and whether that is known.
func (n *nesting) start(t startTag) (isHTML, known bool) {
	if n.unknown() || n.foreign() && !n.top().takesHTML(t.name) {
		switch {
		case t.leavesForeign():
			n.leave()
		case n.unknown():
			n.points = n.points || isSVGPoint(t.name) || isMathPoint(t.name) ||
				t.name == "annotation-xml"
			return false, false
		default:
			if !t.empty {
				n.push(foreignElement(n.top().of, t))
			}
			return false, true
		}
	}
	if (t.name == "mglyph" || t.name == "malignmark") && len(n.open) > 0 && n.top().name == "" {
		n.lose() // it may stand in an integration point in which it is foreign
		return false, false
	}
	n.startHTML(t)
	return true, true
}

func (n *nesting) startHTML(t startTag) {
	switch {
	case t.name == "svg" && !t.empty:
		n.push(foreignElement(inSVG, t))
	case t.name == "math" && !t.empty:
		n.push(foreignElement(inMath, t))
	case len(n.open) == 0 || t.name == "svg" || t.name == "math":
	case isVoid(t.name) && !ofTable(t.name):
	case ofTable(t.name), isIgnored(t.name), !isInline(t.name) && !n.holds():
		// It may end what is open, a table around the svg all inside of it, or open nothing.
		n.lose()
		n.leave()
	default:
		n.push(element{name: t.name})
	}
}

// holds tells whether no start tag ends what is open in the innermost integration point.
func (n *nesting) holds() bool {
	for i := len(n.open) - 1; i >= 0 && n.open[i].of == inHTML; i-- {
		if name := n.open[i].name; name != "" && name != "div" && !isInline(name) {
			return false
		}
	}
	return true
}

// end closes what an end tag of that name closes.
func (n *nesting) end(name string) {
	leaves := name == "p" || name == "br" // as the start tags do
	if leaves && n.foreign() {
		n.leave()
	}
	switch {
	case !n.some(), n.close(name), name == "br" && len(n.open) > 0:
		return
	case !n.unknown():
		n.lose()
	}
	if leaves {
		n.leave()
	}
}

// close closes the innermost element if it has that name, or the innermost of that name among the
// foreign ones up to HTML.
func (n *nesting) close(name string) bool {
	for i := len(n.open) - 1; i >= 0; i-- {
		if n.open[i].name == name {
			n.cut(i)
			return true
		}
		if n.open[i].of == inHTML || i > 0 && n.open[i-1].of == inHTML {
			return false
		}
	}
	return false
}

// leave closes what is foreign up to HTML or to an integration point. Where it is not known which
// of the two that is, an element without a name stands for it.
func (n *nesting) leave() {
	i := len(n.open)
	for i > 0 && n.open[i-1].of != inHTML && !n.open[i-1].point {
		i--
	}
	n.cut(i)
	switch {
	case i > 0:
	case n.points:
		n.push(element{})
	default:
		n.lost = false
	}
}

// lose gives up what is open.
func (n *nesting) lose() {
	for _, e := range n.open {
		n.points = n.points || e.point
	}
	n.cut(0)
	n.lost = true
}

func (n *nesting) push(e element) {
	if len(n.open) == maxOpen {
		n.lose()
		return
	}
	n.open = append(n.open, e)
	if e.unseen {
		n.unseen++
	}
}

func (n *nesting) cut(to int) {
	for _, e := range n.open[to:] {
		if e.unseen {
			n.unseen--
		}
	}
	n.open = n.open[:to]
}

// takesHTML tells whether a tag of that name in the foreign element is one of HTML.
func (e element) takesHTML(name string) bool {
	switch {
	case e.of == inMath && e.name == "annotation-xml":
		return e.point || name == "svg"
	case e.of == inMath:
		return e.point && name != "mglyph" && name != "malignmark"
	}
	return e.point
}

func foreignElement(of vocabulary, t startTag) element {
	e := element{name: t.name, of: of}
	switch {
	case of == inSVG:
		e.point = isSVGPoint(t.name)
		e.unseen = t.name == "script" || t.name == "style" || t.name == "title"
	case t.name == "annotation-xml":
		encoding := strings.ToLower(t.attributes["encoding"])
		e.point = encoding == "text/html" || encoding == "application/xhtml+xml"
	default:
		e.point = isMathPoint(t.name)
	}
	return e
}

func isSVGPoint(name string) bool {
	return name == "desc" || name == "foreignobject" || name == "title"
}

func isMathPoint(name string) bool {
	switch name {
	case "mi", "mn", "mo", "ms", "mtext":
		return true
	}
	return false
}

// leavesForeign tells whether the tag ends all that is foreign around it.
func (t startTag) leavesForeign() bool {
	if t.name != "font" {
		return leavesForeign(t.name)
	}
	for _, name := range []string{"color", "face", "size"} {
		if _, has := t.attributes[name]; has {
			return true
		}
	}
	return false
}
