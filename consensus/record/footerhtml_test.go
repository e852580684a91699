package record_test

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"pgregory.net/rapid"

	"cairn/consensus/record"
	"cairn/mailstore/message"
)

const authorsHTML = "<html><body>\n<p>pay 100 to Bob</p>\n</body></html>"

// footerKind is what a comparison by commitments calls source that was inserted before the closing
// tags.
func footerKind(added string) string {
	return htmlKind(authorsHTML, strings.Replace(authorsHTML, "</body>", added+"</body>", 1))
}

func htmlKind(sent, received string) string {
	c := record.Compare(tokenOf(mail("text/html", sent)), mail("text/html", received), record.Context{})
	for _, p := range c.Parts {
		if p.Type == message.HTML {
			return p.Kind
		}
	}
	return ""
}

// TestHonestFooters has footers as lists and gateways write them.
func TestHonestFooters(t *testing.T) {
	for _, added := range []string{
		"<hr><p>confidential</p>",
		"<br><hr><p><i>This message may contain confidential information.</i></p>\n\n<br>",
		"<hr><p>proj mailing list - <a href=\"https://lists.example/proj\">unsubscribe</a></p>",
		"<p></p>\n\n-- <br />\nYou received this message because you are subscribed to the Google Groups &quot;x&quot; group.<br />\n" +
			"To unsubscribe, send an email to <a href=\"mailto:x+unsubscribe@googlegroups.com\">x+unsubscribe@googlegroups.com</a>.<br />\n",
		"<br><div style=\"font-size:10pt; font-family:'Segoe UI', Arial; color:#444; margin:8px 0 0 0; line-height:1.2\">CAUTION</div>",
		"<P align=center><FONT color=gray size=-1 face=\"Arial\">Scanned by <B>x</B></FONT><BR>",
		"<table width=\"100%\" border=0 cellpadding=4 cellspacing=0><tbody><tr><td valign=top><img src=\"cid:logo@x\" alt=\"x\" width=40 height=40></td></tr>" +
			"<tr><td style=\"color: rgb(1, 2, 3); text-align:center\"><a href=\"https://x.example/\" target=_blank rel=noopener>x</a></td></tr></tbody></table>",
		"<div>a</div></body></html>",
		"<div style=\"font-size:8pt\"><p style=\"font-size:8pt\"><span style=\"font-size:8.0pt\"><small>a</small></span></p></div>",
		"<p><font size=1><small>a</small></font><span style=\"font-size:7.5pt\">b<sup>1</sup></span></p>",
		strings.Repeat("<p style=\"font-size:90%; font-family:Calibri, 'Times New Roman', sans-serif\"><small>a</small></p>", 8),
		"\n<ul><li>one<li>two</ul>",
		"<hr><p>a<hr><hr size=2 width=\"100%\" noshade color=gray><p>b<hr>",
		"<hr><table border=0>" + strings.Repeat("<tr><td><b>a</b><tr><td><a href=\"https://lists.example/\">b</a>", 12) + "</table>",
		"<hr><div dir=ltr><p dir=LTR>a</p></div>",
	} {
		if got := footerKind(added); got != record.FooterAppended {
			t.Errorf("%s: %q", added, got)
		}
	}
}

// TestHostileFooters has what covers the author's words, hides them, joins them or runs.
func TestHostileFooters(t *testing.T) {
	for _, added := range []string{
		"<dialog open><h1>pay 900</h1></dialog>",
		"<div style=\"pos&#105;tion:fixed;inset:0;b&#97;ckground:white\">pay 900</div>",
		`<div style="pos\69tion:fixed">pay 900</div>`,
		"<div style=\"/**/position:fixed\">pay 900</div>",
		"<div style=\"color:red;translate:0 -100px\">pay 900</div>",
		"<div popover>pay 900</div>",
		"<hr><p>do <font color=white>not</font> pay 900</p>",
		"<hr><p>do <font color=\"#fffefe\">not</font> pay 900</p>",
		"<hr><p>do <span style=\"color:#1110\">not</span> pay 900</p>",
		"<hr><p>do <span style=\"color:transparent\">not</span> pay 900</p>",
		"<hr><p>do <span style=\"color:rgb(255, 255, 224)\">not</span> pay 900</p>",
		"<hr><table><tr><td rowspan=2>pay</td></tr><tr><td>900</td></tr></table>",
		"<hr><table><tr><td>pay</td><td>900</td></tr></table>",
		"<hr><table><tr><td><table><tr></tr></table></td><td>pay 900</td></tr></table>",
		"<hr><table width=1><tr><td>pay 900</td></tr></table>",
		"<hr><table width=\"1%\"><tr><td>pay 900</td></tr></table>",
		"<hr><table width=1900><tr><td>pay 900</td></tr></table>",
		"<hr><table height=2000><tr><td>pay 900</td></tr></table>",
		"<div bgcolor=white>pay 900</div>",
		"<div class=overlay>pay 900</div>",
		"<div id=overlay>pay 900</div>",
		"<div onclick=\"x()\">pay 900</div>",
		"<div style=\"margin-top:-100px\">pay 900</div>",
		"<div style=\"margin:0 0 -9em\">pay 900</div>",
		"<div style=\"margin:calc(0px - 9em)\">pay 900</div>",
		"<div style=\"margin-top:500px\">pay 900</div>",
		"<div style=\"font-size:500px\">pay 900</div>",
		"<p>evil<span style=\"font-size:0px\"> </span>.com",
		"<p>evil<span style=\"font-size:0.1em\"> </span>.com",
		"<p>evil<span style=\"font-size:1%\"> </span>.com",
		"<p>evil<span style=\"font-size:3pt\"> </span>.com",
		"<p>evil" + strings.Repeat("<span style=\"font-size:50%\">", 5) + " " + strings.Repeat("</span>", 5) + ".com",
		"<p>evil" + strings.Repeat("<span style=\"font-size:80%\">", 8) + " " + strings.Repeat("</span>", 8) + ".com",
		"<p>evil" + strings.Repeat("<small>", 16) + " " + strings.Repeat("</small>", 16) + ".com",
		"<p>evil" + strings.Repeat("<sub>", 16) + " " + strings.Repeat("</sub>", 16) + ".com",
		"<p style=\"font-size:6px\">evil" + strings.Repeat("<span style=\"font-size:0.75em\">", 3) + " </span></span></span>.com",
		"<p style=\"font-size:5pt\">evil<span style=\"font-size:80%\"> </span>.com",
		"<p style=\"font-size:6px\">evil<small> </small>.com",
		"<p><font size=1>evil<sub><sub><sub> </sub></sub></sub></font>.com",
		"<h6>evil<span style=\"font-size:smaller\"><small><sub><sup> </sup></sub></small></span>.com</h6>",
		"<p><span style=\"font-size:12px; font-size:5px\">evil .com</span>",
		"<p>evil<br style=\"font-size:1px\">.com",
		"<p><font face=\"Wingdings 2\">jklmnop</font>",
		"<p><font face=\"Arial, Symbol\">jklmnop</font>",
		"<p style=\"font-family:webdings\">jklmnop",
		"<p style=\"font-family:'mine'\">jklmnop",
		"<div style=\"font-size:2em\">pay 900</div>",
		"<div style=\"font-size:larger\">pay 900</div>",
		"<div style=\"font-size:1e3px\">pay 900</div>",
		"<div style=\"font:500px/0 serif\">pay 900</div>",
		"<div style=\"line-height:0\">pay 900</div>",
		"<div style=\"line-height:-1\">pay 900</div>",
		"<div style=\"line-height:1px\">pay 900</div>",
		"<div style=\"line-height:nan\">pay 900</div>",
		"<div style=\"color:red !important\">pay 900</div>",
		"<div style=\"color:url(http://x.example/)\">pay 900</div>",
		"<div style=\"color:expression(x)\">pay 900</div>",
		"<div style=\"text-decoration:underline 100px white\">pay 900</div>",
		"<span style=\"border-top:64px solid white\">pay 900</span>",
		"<div style=\"float:left\">pay 900</div>",
		"<div style=\"position\">pay 900</div>",
		"<p><font size=7>pay 900</font>",
		"<p><font size=+4>pay 900</font>",
		"<p><big>pay 900</big>",
		"<p><a href=\"javascript:x()\">x</a>",
		"<p><a href=\" javascript:x()\">x</a>",
		"<p><a href=\"data:text/html,x\">x</a>",
		"<p><a name=x>x</a>",
		"<p><img src=\"data:image/png;base64,AAAA\">",
		"<p><img src=\"https://x.example/\" onerror=x()>",
		"<p><img src=\"https://x.example/\" align=left>",
		"<table align=left><tr><td>9</td></tr></table>",
		"<table width=-5><tr><td>9</td></tr></table>",
		"<style>p{display:none}</style>",
		"<p><style>p{display:none}</style>",
		"<link rel=stylesheet href=\"https://x.example/\">",
		"<script>x()</script>",
		"<svg><style>p{display:none}</style></svg>",
		"<hr><ol><li>a<li>b</ol>",
		"<hr><p>In percent:</p><li></li>", // goes on in a list of the author's
		"<hr><table><ul><tr><td><li>a</table>",
		"<hr><table><ul><li><tr><td><li>a</table>",
		"<hr><ul><li value=9>a</ul>",
		"<hr><ul type=1><li>a</ul>",
		"<hr><ul style=\"list-style:decimal\"><li>a</ul>",
		"<hr><ul><li style=\"list-style-type:lower-roman\">a</ul>",
		"<hr><ul start=9><li>a</ul>",
		"<hr><ul style=\"counter-reset:list-item 8\"><li>a</ul>",
		"<hr><p style=\"content:'9'\">a",
		"<hr><table border=1><tr><td>a</table>",
		"<hr><table border=8 width=1 height=70><tr><td></table>",
		"<hr><p><img src=\"https://x.example/\" border=3 width=0 height=24>",
		"<hr><hr size=64 width=8>",
		"<hr size=5>",
		"<hr><hr width=8 style=\"padding:32px 4px\">",
		"<hr><hr width=8 style=\"Padding-Top:32px\">",
		strings.Repeat("<hr><p>a", 5),
		"<hr><pre>" + strings.Repeat("the <b>list</b>\n", 25),
		"<hr><p>" + strings.Repeat("the <span style=\"color:red\">list</span><br>", 25),
		"<hr><ul>" + strings.Repeat("<li>the list", 25),
		"<hr><table>" + strings.Repeat("<tr><td style=\"color:red\">a<td>b", 25) + "</table>",
		"<hr><table>" + strings.Repeat("<tr><td>the<td><td>list<td>of<td>", 5) + "</table>",
		"<hr><table>" + strings.Repeat("<tr><th>a<td>b", 25) + "</table>",
		"<table dir=rtl><tr><td>Eve<td>owes<td>Bob</table>",
		"<table dir=auto><tr><td>Eve<td>owes<td>Bob</table>",
		"<p><span dir=ltr>Eve</span> <span dir=ltr>owes</span> <span dir=ltr>Bob</span>", // turned where the author's words are
		"<body style=\"display:none\">",
		"<html hidden>",
		"<frameset><frame src=\"https://x.example/\"></frameset>",
		"<p>a<!--[if mso]>pay 900<![endif]-->",
		"<?xml x?><p>a",
		"<p>a<![CDATA[x]]>",
		"<form action=\"https://x.example/\"><p>a</form>",
		"<plaintext>",
		"<p><textarea>",
		"</p><p>a", // of the author's
		"</div><p>a",
		"<p>a</p></table>",
		"<td>9</td>",
		"<tr><td>9</td></tr>",
		"<p title=\"x",
		"<p>a<",
		"<p>a</",
		"<b>0</b>",
		"0",
		"\n00 to Eve",
		"<span>and 900 to Eve</span><p>x",
		"<img src=\"https://x.example/zero.png\"><p>x",
		"<p>" + strings.Repeat("a", 3000),
		"<table><tr><td><div></td></tr></table></div><p>outside the author's div",
	} {
		if got := footerKind(added); got == record.FooterAppended {
			t.Errorf("%s is called a footer", added)
		}
	}
}

// TestFooterBehindOpenSource: where the author's source leaves something open, what follows is not
// what it looks like on its own.
func TestFooterBehindOpenSource(t *testing.T) {
	const tail = "\n</body></html>"
	for author, want := range map[string]bool{
		"<html><body><p>pay 100":                          true,
		"<html><head><style>p{}</style></head><p>pay 100": true,
		"<!-- x --><p>pay 100<!-- x -->":                  true,
		"<p>pay 100<!-->":                                 true,
		"<p>1 < 2":                                        true,
		"<p>pay 100<!-- x":                                false,
		"<p>pay 100<!-- x>":                               false,
		"<p>pay 100<?x":                                   false,
		"<p>pay 100<style>p{}":                            false,
		"<p>pay 100<title>":                               false,
		"<p>pay 100<textarea>x</p>":                       false,
		"<p>pay 100<img alt=\"x":                          false,
		"<p>pay 100<img alt=\"x>":                         false,
		"<p>pay 100<img":                                  false,
		"<p>pay 100</":                                    false,
		"<table><tr><td>pay 100</table>":                  true,
		"<table><tr><td>pay 100</td></tr>":                false,
		"<select><option>pay 100":                         false,
		"<svg>pay 100</select>":                           false,
	} {
		got := htmlKind(author+tail, author+"\n<p title='\" style=\"position:fixed'>pay 900"+tail)
		if got == record.FooterAppended != want {
			t.Errorf("%s: %q, footer: %v expected", author, got, want)
		}
	}
}

// TestFooterTags: whatever is put together from pieces of tags, what comes out as a footer has no
// elements and styles but those that it may have, as a whole document is parsed.
func TestFooterTags(t *testing.T) {
	pieces := []string{"<p>", "</p>", "<div style=\"", "color:red;", "position:fixed", "\">", "</div>", "<", ">", "\"", "'", "<style>", "</style>", "<!--",
		"-->", "<script ", "a", " ", "\n", "=", "/", "<a title='", "&lt;", "<table>", "<td>",
		"</td>", "</table>", "<tr>", "<ul>", "<li>", "</ul>", "<span>", "</span>"}
	author, end, _ := strings.Cut(authorsHTML, "</body>")
	rapid.Check(t, func(t *rapid.T) {
		added := "<p>" + strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 1, 12).Draw(t, "pieces"), "")
		if footerKind(added) != record.FooterAppended {
			return
		}
		doc, err := html.Parse(strings.NewReader(author + added + "</body>" + end))
		if err != nil {
			t.Fatal(err)
		}
		for n := range doc.Descendants() {
			if n.Type == html.CommentNode || slices.Contains([]string{"script", "style"}, n.Data) && n.Type == html.ElementNode {
				t.Fatalf("%q with %s is called a footer", added, n.Data)
			}
			for _, a := range n.Attr {
				if a.Key == "style" && strings.Contains(a.Val, "position") {
					t.Fatalf("%q with %s is called a footer", added, a.Val)
				}
			}
		}
		// It stays inside what the author left open, behind his words.
		doc, err = html.Parse(strings.NewReader("<html><body><div><p>pay 100</p>" + added + "</body></html>"))
		if err != nil {
			t.Fatal(err)
		}
		body := doc.FirstChild.LastChild
		if first := body.FirstChild; first != body.LastChild || first.FirstChild.Data != "p" || first.FirstChild.FirstChild.Data != "pay 100" {
			t.Fatalf("%q leaves the author's element, and is called a footer", added)
		}
	})
}
