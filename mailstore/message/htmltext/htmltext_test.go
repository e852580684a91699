package htmltext

import (
	"runtime"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/net/html"
)

func TestOf(t *testing.T) {
	for _, c := range []struct{ html, want string }{
		{"", ""},
		{"pay  100\r\n to&nbsp;Bob ", "pay 100 to Bob"},
		{"<p>pay <b>4</b>80&amp;1</p><p>Bob</p>", "pay 480&1\nBob"},
		{"<html><head><title>x</title><style>p{}</style></head><body><p>a</p></body></html>", "a"},
		{"a<br>b<br/>c<hr>d", "a\nb\nc\nd"},
		{"<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"},
		{"a<script>if (1 < 2) { '<b>x</b>' }</script>b", "a b"},
		{"a<style/>b</style>c", "a c"},
		{"a<svg/>b<style>c</style>d", "a b d"},
		{"<p>a</p><svg><style/></svg>b", "a\nb"},
		{"<p>a</p><svg><g><style>x</style><title>y</title><text>z</text></g></svg>b", "a\nz b"},
		{"<math><mi>x</mi></math></math></math><style>y</style>b", "x b"},
		{"<svg><svg></svg><style/></svg>a<style>b</style>", "a"},
		{"a<title>b", "a"},
		{"a</style>b</title>c", "a b c"},
		{"a<!-- <b>x</b> -->b<b", "ab"},
		{"<p><p><div>\n</div>a", "a"},
		{"4<code>8</code><mark>0</mark><x-unknown>1</x-unknown>", "4801"},
		{"<section>a</section><tbody>b</tbody>c<img src=x>d<input>e", "a\nb\nc d e"},
		{"Donau&shy;dampf\u00adschiff", "Donaudampfschiff"},
		{"<pre>\n  a   b\r\n    c\n</pre>d <pre>e</pre>", "  a   b\n    c\nd\ne"},
		{"<pre>\n\n</pre>a", "a"},
		{"<template>a</template><iframe>b</iframe><noembed>c</noembed><noframes>d</noframes>e", "e"},
		{`<noscript><a title="</noscript><style>">Pay 1<b>0</b>0</a></noscript>`, "Pay 100"},
		{"<svg><p>paid<style><a </style>Pay 900<style></style>", "paid Pay 900"},
		{"<svg><text><![CDATA[1<b>00]]></text></svg><![CDATA[x]]>", "1<b>00"},
		{"<math><style>100</style></math>", "100"},
		{"<svg><math><style>a</style></math></svg>b", "b"},
		{"<textarea>a</textarea>b", "a b"},
		{"a<svg><style>x</svg>b<style>c</style>d", "a b d"},
		{"<svg><title>x</svg><p>Pay", "Pay"},
		{"<svg><title><b>x</b> y</title><text>z</text></svg>", "z"},
		{"a<svg><script><p>Pay", "a\nPay"},
		{"a<svg><style><font color=red>Pay", "a Pay"},
		{"a<svg><style><font>x", "a"},
		{"<table><td><svg><style></table>Pay <p>b<style>c</style>", "Pay\nb"},
		{"<svg><foreignObject><p>a</p></foreignObject><title/><text>b</text></svg><style>x</style>c", "a\nb c"},
		{"<svg><desc><b>a</b><style/>x</style></desc><style/></svg>b", "a b"},
		{"<math><mtext><style>x</style><mglyph><style>a</style></mglyph></mtext></math>b", "a b"},
		{"<math><annotation-xml><svg><title>x</math><p>b", "b"},
		{"<math><annotation-xml encoding='Text/HTML'><style>x</style></math>b", "b"},
		{"<math><x-y><mi><p><x-y><p></p></x-y><title>Pay", "Pay"},
		{"<math><mi></x><head><mglyph><title/>Pay", "Pay"},
		{"<svg><g></p><style>x</style>a", "a"},
		{"<svg a=1 a=/><style></svg><p>Pay", "Pay"},
		{"<svg a='1' b = 1 / c=d /><style>x</style>a", "a"},
		{"<div><template shadowrootmode=open>Pay</template></div>", "Pay"},
		// What can be read in two ways is there as it is written.
		{"<div><svg></div><title>a</title><p>b&amp;</p>", "a</title><p>b&</p>"},
		{"<div><svg></div><![CDATA[a>b]]>", "a>b]]>"},
		{"<select><title>a</select><p>b", "a</select><p>b"},
		{"<select><svg><option></select><p>a<style>x</style>b", "a b"},
		{"<plaintext>a<b>", "a<b>"},
	} {
		if got := Of(c.html); got != c.want {
			t.Errorf("%q: %q, want %q", c.html, got, c.want)
		}
	}
}

// hostile are pieces that nest deep, never end or say ever more, of which a document is made.
var hostile = map[string]string{
	"open tags": "<svg>", "titles": "<title>", "attributes": "<a b=", "comments": "<!--", "text": "a b ", "lines": "<pre>\n",
	"tags in foreign content": "<svg><g>", "end tags that end nothing": "<svg><g></x>", "end tags behind what is open": "<svg></g>",
	"ways out": "<svg><desc><p>", "ways out that are not known": "<svg><desc></x><p>", "both ways to read": "<svg></x><title>",
	"templates": "<template>", "references": "a&amp;", "raw text": "<textarea>", "raw text in part": "<style></styl ", "empty elements": "<svg/>",
}

// What nests deep or never ends takes no more than its length: what is allocated for it is some
// times that, no more tokens are read than there are octets, and each looks at maxOpen elements at
// most.
func TestHostile(t *testing.T) {
	const most, fixed = 16, 64 << 10
	for name, piece := range hostile {
		for _, size := range []int{100_000, 1_000_000} {
			s := strings.Repeat(piece, size/len(piece))
			var got string
			allocated := allocatedBy(func() { got = Of(s) })
			if len(got) > len(s) || allocated > most*uint64(len(s))+fixed {
				t.Errorf("%s: %d octets of %d, with %d allocated", name, len(got), len(s), allocated)
			}
		}
		s := strings.Repeat(piece, 10_000)
		r := reader{z: html.NewTokenizer(strings.NewReader(s))}
		tokens, open := 0, 0
		for !r.literal && r.token() {
			tokens++
			open = max(open, len(r.nest.open))
		}
		if tokens > len(s) || open > maxOpen {
			t.Errorf("%s: %d tokens in %d octets, %d elements open", name, tokens, len(s), open)
		}
	}
}

// Attributes of one tag cost many times their length, but no more of them costs more for each, and
// from maxToken on no more at all: such a tag, and what follows it, is shown as it is written.
func TestManyAttributes(t *testing.T) {
	const most, copies = 128, 8
	for _, size := range []int{100_000, 1_000_000, 20_000_000} {
		tag := strings.Builder{}
		tag.WriteString("<p>before</p><font")
		for i := 0; tag.Len() < size; i++ {
			tag.WriteString(" " + strconv.FormatInt(int64(i), 36))
		}
		tag.WriteString("><b>behind</b>")
		var got string
		allocated := allocatedBy(func() { got = Of(tag.String()) })
		if allocated > most*uint64(min(size, maxToken))+copies*uint64(size) {
			t.Errorf("%d allocated for a tag of %d octets", allocated, size)
		}
		if long := size > maxToken; !strings.Contains(got, "before") || !strings.Contains(got, "behind") || strings.Contains(got, "<b>") != long {
			t.Errorf("of a tag of %d octets: %.40q and %d octets more", size, got, len(got))
		}
	}
}

// Text, comments and style sheets that are longer than maxToken hide nothing that follows.
func TestLongTokens(t *testing.T) {
	long := strings.TrimSpace(strings.Repeat("x and y ", maxToken/4))
	for name, tt := range map[string]struct{ source, want string }{
		"text":    {"<p>a</p>" + long + "<p>behind</p>", long},
		"comment": {"<p>a</p><!--" + long + "--><p>behind</p>", "behind"},
		"style":   {"<p>a</p><style>" + long + "</style><p>behind</p>", "behind"},
		"pre":     {"<pre>" + strings.Repeat("a line\n", maxToken/4) + "</pre>behind", strings.Repeat("a line\n", maxToken/4)},
	} {
		if got := Of(tt.source); !strings.Contains(got, tt.want) || !strings.Contains(got, "behind") {
			t.Errorf("%s: %d octets", name, len(got))
		}
	}
}

// A picture within the document is no text, however long it is.
func TestPicturesWithin(t *testing.T) {
	for _, size := range []int{10, 2000, 100_000, 5 << 20} {
		picture := `<img alt="p" src="data:image/png;base64,` + strings.Repeat("aB3/", size/4) + `">`
		if got := strings.Join(strings.Fields(Of("<p>hi "+picture+" <b>mid</b> "+picture+" end")), " "); got != "hi mid end" {
			t.Errorf("%d octets: %.60q, %d in all", size, got, len(got))
		}
	}
}

// allocatedBy returns how many octets f allocates in all, those that are given up included.
func allocatedBy(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func FuzzOf(f *testing.F) {
	f.Add("<p>a</p><svg><style/></svg>b")
	f.Add("<title>a</titl")
	f.Add("<pre>\n a\n\n</pre> b")
	f.Add("\xc2\u00ad\xad")
	f.Fuzz(func(t *testing.T, s string) {
		got := Of(s)
		// Octets that are no text can become a soft hyphen where one between them goes.
		if strings.HasSuffix(got, "\n") || utf8.ValidString(s) && strings.Contains(got, "\u00ad") {
			t.Errorf("%q: %q", s, got)
		}
		if set := strings.Contains(strings.ToLower(s), "<pre"); !set && (strings.ContainsAny(got, "\t\r\f\u00a0") || strings.Contains(got, "  ") ||
			strings.Contains(got, " \n") || strings.Contains(got, "\n ") || strings.Trim(got, blanks) != got) {
			t.Errorf("%q: white space in %q", s, got)
		}
		if utf8.ValidString(s) && !utf8.ValidString(got) {
			t.Errorf("%q: no text %q", s, got)
		}
	})
}
