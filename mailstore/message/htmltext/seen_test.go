package htmltext

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// pieces are what documents are made of whose ways into svg and math, out of them and into raw
// text cross. Each W is a word of its own.
var pieces = append(strings.Fields(`
	W W W W W W W W <svg> <svg> <svg> </svg> </svg> <svg/> <math> </math> <math/> <g> </g> <text> </text>
	<style> </style> <style/> <script> </script> <script/> <title> </title> <title/>
	<foreignObject> <foreignObject> </foreignObject> </foreignObject> <desc> </desc> <desc/>
	<mi> </mi> <mtext> </mtext> <mglyph> <annotation-xml> </annotation-xml>
	<p> </p> <div> </div> <b> </b> <a> </a> <br> </br> <img> <span> </span> <x-y> </x-y> <font> </font>
	<form> </form> <button> </button> <li> </li> <ul> </ul> <h1> </h1> <nobr> </nobr> <object> </object>
	<table> <table> </table> <tr> </tr> <td> <td> </td> <caption> <col> <tbody>
	<select> </select> <option> <input> <template> </template> <textarea> </textarea> <xmp> </xmp>
	<iframe> </iframe> <noframes> </noframes> <noembed> </noembed> <noscript> </noscript> <plaintext>
	<body> </body> <html> </html> <head> </head> <frameset> <pre> </pre> <![CDATA[ ]]> <!-- -->`),
	`<annotation-xml encoding=text/html>`, `<font color=red>`, `<g a="`, `">`, `<p title="</style></title><p>">`)

// document joins pieces, with the words numbered.
func document(choices []byte) string {
	var b strings.Builder
	for i, c := range choices {
		if piece := pieces[int(c)%len(pieces)]; piece == "W" {
			fmt.Fprintf(&b, " w%d ", i)
		} else {
			b.WriteString(piece)
		}
	}
	return b.String()
}

// shownBy returns the words that a full parser has in what is not hidden, and none of a document
// that is too deep for it.
func shownBy(document string) []string {
	root, err := html.ParseWithOptions(strings.NewReader(document), html.ParseOptionEnableScripting(false))
	if err != nil {
		return nil
	}
	var words []string
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.TextNode {
			words = append(words, strings.Fields(n.Data)...)
		}
		if n.Type == html.ElementNode && (n.Namespace == "" && (isUnseen(n.Data) || n.Data == "template") ||
			n.Namespace == "svg" && (n.Data == "script" || n.Data == "style" || n.Data == "title")) {
			return
		}
		for c := range n.ChildNodes() {
			walk(c)
		}
	}
	walk(root)
	return words
}

// hides returns words that a full parser shows of the document and we do not.
func hides(document string) []string {
	got := strings.Fields(Of(document))
	return slices.DeleteFunc(shownBy(document), func(word string) bool {
		return word[0] != 'w' || slices.Contains(got, word)
	})
}

// What a full parser shows is never hidden, however tags nest and whatever ends them.
func TestHidesNothing(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		choices := make([]byte, 1+random.IntN(24))
		for i := range choices {
			choices[i] = byte(random.IntN(len(pieces)))
		}
		if doc := document(choices); len(hides(doc)) > 0 {
			t.Fatalf("%s: no %q in %q", doc, hides(doc), Of(doc))
		}
	}
}

func FuzzHidesNothing(f *testing.F) {
	f.Add([]byte{8, 28, 12, 0})
	f.Fuzz(func(t *testing.T, choices []byte) {
		if doc := document(choices); len(hides(doc)) > 0 {
			t.Errorf("%s: no %q in %q", doc, hides(doc), Of(doc))
		}
	})
}
