package message_test

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"cairn/mailstore/message"
)

func TestClaimsOfAuthors(t *testing.T) {
	long := strings.Repeat("X-Note: "+strings.Repeat("x", 900)+"\n", 80)
	var flaws strings.Builder
	for i := range 64 {
		fmt.Fprintf(&flaws, "X-Spam-%02d : x\n", i)
	}
	quotes := strings.Repeat("\"", 3000)
	for _, tt := range []struct{ header, want string }{
		{flaws.String() + "From: x@y.example\nX-Note: x\rFrom: boss@own.example", "own.example y.example"},
		{flaws.String() + "From: x@y.example\nX-Note: \x00x\n.z: a\nTo: bob@own.example", "own.example y.example"},
		{"From: boss@" + strings.Repeat(".", 3000) + "own.example" + strings.Repeat(".", 3000), "own.example"},
		{"From: boss@o" + quotes + "wn.exa" + quotes + "mple", "own.example"},
		{"From: boss@" + strings.Repeat("(", 3000) + ")own.example", "own.example"},
		{"From: boss@" + strings.Repeat("x", 3000) + ".own.example", "."},
		{"From: boss@own.example" + strings.Repeat(".", 3000) + "x", "."},
		{strings.Repeat(long, 20) + "From: Boss <boss@own.example>", "*"},
		{"From: x@y.example\n" + strings.Repeat(long, 20) + "X: \x00", "*"},
		{"From: x@y.example\nX: \x00\nTo: " + strings.Repeat("<a@b.example>,\n ", 20000) + "boss@own.example", "* y.example"},
		{"From: " + strings.Repeat("@a(", 3000) + ")" + strings.Repeat("a.", 3000) + ",boss@own(x).example", ". own.example"},
		{"From: Boss <boss@own.example>", ""}, // the address says it
		{"From: \"boss@own.example\" <x@y.example>", ""},
		{"From: boss@own .example", "own own.example"},
		{"From: boss@own. example, x@y.example", "own own.example y.example"},
		{"From: boss@own\n .\n\texample", "own own.example"},
		{"From: <boss@own (c) .example>", "own own.example"},
		{"From: <boss@own (c (d) \\) e).(x) example>", "own own.example"},
		{"From: <boss@own (c ( d) .example>", "own own.example"},
		{"From: boss@ (x) own.example (y) jo", "own.example own.examplejo"},
		{"From: boss@o(x)wn.example Boss", "o own.example own.exampleboss"},
		{"From: boss@o(x)wn.example", "o own.example"},
		{"From: boss@\"own\".example", "own own.example"},
		{"From: boss@own.\\example", "own own.example"},
		{"From: <@own. example:x@y.example>", "own own.example y.example"},
		{"From: boss@own\u00ad.exam\u200bple", "own own.example"},
		{"From: boss@own\u3000\uff0e example", "own own.example"},
		{"From: boss@=?utf-8?q?own=2E_example?=", "own own.example"},
		{"From: boss@=?utf-8?q?own?= =?utf-8?b?LmV4YW1wbGU=?=", "own.example"},
		{"From: boss=?utf-7?q?+AEA-own.example?=", "own.example"},
		{"From: boss@=?iso-2022-jp?B?GyRCI28jdyNuISUjZSN4I2EjbSNwI2wjZRsoQiD/?=", "own.example"}, // strictly none
		{"From: boss@=?gbk?Q?=FF=40own.example?=", "own.example"},
		{"From: boss@=?ibm500?Q?x=3D?=", "*"},
		{"From: =?utf-8?Q?boss=40?==?utf-8?B?b3du?= =?utf-8?B?LmV4YW1wbGU=?=", "own own.example"},
		{"X-Note: y\njunk\n\nFrom: boss@own.example", "*"},
		{"From: =?windows-31j?Q?x=40own.example?= <x@y.example>", "own.example y.example"},
		{"From: =?ms932?B?k/qWew==?= <x@y.example>", "y.example"},
		{"From: =?x-ms-cp932?B?k/qWew==?= <x@y.example>", "y.example"},
		{"From: =?eucJP-ms?B?xvzL3A==?= <x@y.example>", "y.example"},
		{"From: =?cp51932?B?xvzL3A==?= <x@y.example>", "y.example"},
		{"From: =?euc_kr?B?sKE=?= <x@y.example>", "y.example"},
		{"From: =?cp65001?B?w7w=?= =?65001?B?w7w=?= =?utf-8mb4?B?w7w=?= <x@y.example>", "y.example"},
		{"From: =?us_ascii?Q?x?= =?iso-latin-1?Q?=FC?= <x@y.example>", "y.example"},
		{"From: =?cp50220?B?GyRCRnxLXBsoQg==?= =?cp50221?B?GyRCRnxLXBsoQg==?= <x@y.example>", "y.example"},
		{"From: =?iso-2022-jp-1?B?GyRCRnxLXBsoQg==?= =?iso-2022-jp-ms?B?GyRCRnxLXBsoQg==?= <x@y.example>", "y.example"},
		{"From: boss@=?cp50221?B?GyRCI28jdyNuISUjZSN4I2EjbSNwI2wjZRsoQiD/?=", "own.example"},
		{"From: =?iso-2022-jp-2?B?GyRCRnxLXBsoQg==?= <x@y.example>", "* y.example"}, // has Chinese and Korean letters too
		{"From: =?iso-2022-kr?B?GyQpQw4wIQ8=?= <x@y.example>", "y.example"},
		{"From: boss=?iso-2022-kr?B?GyQpQw4jQA8=?=own.example", "own.example"},
		{"From: boss@=?iso-2022-kr?B?GyQpQw4jbyN3I24jLiNlI3gjYSNtI3AjbCNl?=", "own.example"},
		{"From: =?utf-16?B?AEAAYQ==?= <x@y.example>", "* y.example"},
		{"From: =?hz-gb-2312?Q?x?= <x@y.example>", "* y.example"},
		{"From: boss@[192.0.2.1]", "."},
		{"From: Boss", "."},
		{"From: x@y.example\nX-Note: x\rFrom: boss@own.example", "own.example y.example"},
		{"From: x@y.example\nX-Note: x\rFrom\x00: boss@own\x00.example", "own.example y.example"},
		{"From: x@y.example\nX-Note: \x00x\n.z: a\nTo: bob@own.example", "own.example y.example"},
		{"From: boss@own\x00\n.example: x\nTo: bob@z.example", "own own.example z.example"},
		{long + "From: boss@own\x00\n.example: x", "own own.example"},
		{"\nFrom: boss@own.example", "own.example"},
		{"From: \"boss@own.example\n x\" <x@y.example>", "own.example y.example"},
		{"From: boss@=?utf-8?b?b3duLmV4YW1wbGU==xyz?=", "own.example"},
		{"From: boss@=?utf-8?b?b3duLg==ZXhhbXBsZQ==?=", "own own.example"},
		{"From: boss@=?utf-8?b?b3duLmV4YW1wbGU=?= =?utf-8?b?LnguZXhhbXBsZQ==?=", "own.example own.example.x.example"},
		{"From: <boss@own> x@y<.example>", "own own.example y.example"},
		{"From: boss@own>.example", "own own.example"},
		{"\ufeffFrom: boss@own .example", "own own.example"},
		{"Sender: boss@own.example", "own.example"},
		{"Sender: boss@own.example\nFrom: x@y.example", ""},
		{"Sender: boss@own.example\nFrom:", "own.example"},
		{"Sender: boss@own.example\nFrom: (nobody)", "own.example"},
		{"Sender: boss@own.example\nFrom: Boss <>", "own.example"},
		{"Sender: boss@own.example\nFrom: Undisclosed:;", "own.example"},
		{"From: \"boss@own.example\":;", "own.example"},
		{"From: \"boss@own.example\": x@y.example;", "own.example y.example"},
		{"From: " + strings.Repeat("x@y.example ", 200) + "boss@own.example", "own.example y.example y.examplex"},
	} {
		got := message.ClaimsOf([]byte(tt.header + "\n\nx\n")).Authors
		for _, domain := range strings.Fields(tt.want) {
			if domain == "." {
				domain = "" // one that can be none
			}
			if !slices.Contains(got, domain) {
				t.Errorf("%.60q claims %q, want %q", tt.header, got, tt.want)
			}
		}
		if tt.want == "" && len(got) > 0 {
			t.Errorf("%.60q claims %q", tt.header, got)
		}
	}
}

// A header beyond what the grammar has claims what its From, Sender and Return-Path fields do, and
// what a program may take for one that cuts its overlong lines: whom it is for is no author.
func TestClaimsOfLongHeaders(t *testing.T) {
	long := strings.Repeat("X-Note: "+strings.Repeat("x", 900)+"\n", 80)
	over := "X-Note: " + strings.Repeat("x", 1000)
	var flaws strings.Builder
	for i := range 64 {
		fmt.Fprintf(&flaws, "X-Spam-%02d : x\n", i)
	}
	for _, tt := range []struct{ header, authors, shown string }{
		{flaws.String() + long + "From: Boss <boss@own.example>", "own.example", ""},
		{long + "From: Boss <boss@own.example>\nTo: x@y .example", "own.example", ""},
		{strings.Repeat("X-Note: "+strings.Repeat("x", 60)+"\n", 1000) + "To: " + strings.Repeat("<a@b.example>,\n ", 4000) + "c@d.example\nFrom: x@y.example", "y.example", ""},
		{"From: x@y.example\nReferences: " + strings.Repeat("<a@b.example>\n ", 5000) + "<c@d.example>\nCc: e@f.example", "y.example", ""},
		{long + "From: x@y.example\nFrom: boss@own.example", "own.example y.example", ""},
		{long + "From: boss@own .example", "own own.example", "own own.example"},
		{"Return-Path: <v@w.example>\nFrom: \"x@y.example\" <u@z.example>\n" + long + "Sender: boss@own.example", "z.example", "own.example w.example y.example"},
		{"Return-Path: <v@w.example>\n" + long + "Sender: boss@own.example", "own.example", "own.example w.example"},
		{long + "From: x@y.example\nX-Note: x\rFrom: boss@own.example", "own.example y.example", "own.example y.example"},
		{long + "From: x@y.example\nX-Note: x\nSubject: x\x00\nTo: bob@own.example", "own.example y.example", "own.example y.example"},
		{long + over + "from: boss@own.example\nFrom: x@y.example", "own.example y.example", "own.example"},
		{long + over + "FROM \t: boss@own.\n example (x)\nFrom: x@y.example", "own own.example y.example", "own own.example own.examplex"},
		{long + over + "\n " + over + "from: =?utf-8?q?from: =?utf-8?q?boss=40own.example?=\nFrom: x@y.example", "* own.example y.example", "* own.example"},
		{long + over + " sender: boss@own.example\nFrom: x@y.example", "own.example y.example", "own.example"},
		{long + over + " return-path: boss@own.example\nFrom: x@y.example", "own.example y.example", "own.example"},
		{long + over + " from: x to: boss@own.example\nFrom: x@y.example", "own.example y.example", "own.example"},
		{long + over + " to: boss@own.example\nFrom: x@y.example", "y.example", ""},
		{long + "X-Note: from: boss@own.example\nFrom: x@y.example", "y.example", ""},
		{long + "X-Note: y\njunk\nFrom: x@y.example", "y.example", ""},
		{strings.Repeat("a:\n", 25000) + "From: x@y.example", "*", "*"},
	} {
		raw := []byte(tt.header + "\n\nx\n")
		claims := message.ClaimsOf(raw)
		got := slices.Clone(claims.Authors)
		for _, a := range message.ParseHeader(raw).From {
			got = append(got, message.Domain(a.Addr))
		}
		slices.Sort(got)
		authors := strings.Join(strings.Fields(strings.Join(slices.Compact(got), " ")), " ")
		shown := strings.Join(strings.Fields(strings.Join(claims.Shown, " ")), " ")
		if authors != tt.authors || shown != tt.shown || !claims.Nobody {
			t.Errorf("%.40q … %.60q claims %q and shows %q, nobody %v; want %q and %q", tt.header, tt.header[max(len(tt.header)-60, 0):], authors, shown, claims.Nobody, tt.authors, tt.shown)
		}
	}
}

// What stands behind a name in an overlong line counts in a short header too, of whichever field.
func TestClaimsOfCutLines(t *testing.T) {
	var flaws strings.Builder
	for i := range 200 {
		fmt.Fprintf(&flaws, "X-Spam-%03d : x\n", i)
	}
	for name, before := range map[string]string{"first": "", "behind many": flaws.String()} {
		raw := before + "X-Note: " + strings.Repeat("x", 1000) + "From: boss@own.example\nFrom: x@y.example\n\nx\n"
		if got := message.ClaimsOf([]byte(raw)).Authors; !slices.Contains(got, "own.example") {
			t.Errorf("%s: it claims %q", name, got)
		}
	}
}

// Behind a line that is no header field some programs find the header: whom that claims cannot be
// told where it may have an author. Where nothing there is one, the text claims nobody.
func TestClaimsBehindNoField(t *testing.T) {
	lead := strings.Repeat("words of the text\r\n", 3000)
	for _, tt := range []struct {
		raw  string
		told bool
	}{
		{"\r\nonly body\r\n", true},
		{"\r\nfrom here on: nothing. Sender unknown\r\n", true},
		{"only body\r\n\r\nDear Ann, to from: you\r\n", true},
		{"\r\nonly body\r\n\r\nReply-To: boss@own.example\r\n", true},
		{"\r\nonly body\r\n\r\n" + strings.Repeat(lead, 30) + "From: boss@own.example\r\n", true}, // beyond all that is read as a header
		{"X-Note: y\r\njunk\r\nTo: x@y.example\r\n\r\ntext\r\n", true},
		{"\r\nonly body\r\nFrom: boss@own.example\r\n", true}, // which the claims of the header have
		{"\r\nonly body\r\n\r\nFrom: boss@own.example\r\n", false},
		{"\r\nonly body\r\n\r\n\t SENDER \t: boss@own.example\r\n", false},
		{"\r\nonly body\r\n\r\nreturn-path:<boss@own.example>\r\n", false},
		{"\r\nonly body\n\nx\rFrom: boss@own.example\n", false},
		{"\r\n" + lead + "\r\nFrom: boss@own.example\r\n", false},
		{" From: boss@own.example\r\n\r\ntext\r\n", false},
		{"X-Note: y\r\njunk\r\n\r\nFrom: boss@own.example\r\n", false},
	} {
		claims := message.ClaimsOf([]byte(tt.raw))
		if told := !slices.Contains(claims.Authors, message.AnyDomain); told != tt.told || slices.Contains(claims.Shown, message.AnyDomain) == told {
			t.Errorf("%.60q … claims %q and shows %q, can be told: want %v", tt.raw, claims.Authors, claims.Shown, tt.told)
		}
	}
}

// What is shown beside an author is claimed, and who is no author to all programs.
func TestShownDomains(t *testing.T) {
	for _, tt := range []struct {
		header, want string
		nobody       bool
	}{
		{"From: x@y.example", "", false},
		{"From: Ann <x@y.example>\nSender: devs@z.example", "z.example", false},
		{"From: J\xf6rg <x@y.example>\nSender: devs@z.example", "y.example z.example", false},
		{"From: \"boss@own.example\" <x@y.example>", "own.example", false},
		{"From: \"boss@own.example via devs\" <x@y.example>", "own.example own.exampleviadevs", false},
		{"From: x@y.example (boss@own.example)", "own.example", false},
		{"From: x@y.example (boss@o(w)n.example)", "o on.example own.example y.example y.exampleboss y.examplen.example", true},
		{"From: x@y.example\nSender: \"boss@own.example\" <x@z.example>", "own.example own.examplex z.example", false},
		{"From: x@y.example\nX: y\rSender: boss@own.example", "own.example y.example", true},
		{"From: x@y.example\nReturn-Path: <boss@own.example>", "", false},
		{"Return-Path: <boss@own.example>", "own.example", true},
		{"From: Boss\nReturn-Path: <boss@own.example>", " own.example", true},
		{"From: team: x@y.example;", "", false},
		{"From: team:;", "", true},
		{"From: x@y.example\nFrom:", " ", true},
	} {
		got := message.ClaimsOf([]byte(tt.header + "\n\nx\n"))
		if shown := strings.Join(got.Shown, " "); shown != tt.want && shown+" " != tt.want || got.Nobody != tt.nobody {
			t.Errorf("%q shows %q, nobody %v", tt.header, got.Shown, got.Nobody)
		}
	}
}

// A domain is claimed behind whatever looks like an at sign, whatever ends it but what goes on with
// it.
func TestClaimed(t *testing.T) {
	own := []string{"own.example", "xn--mller-kva.example"}
	for _, domain := range []string{"own.example", "OWN.Example", "\uff4fwn\uff0eexample", "m\u00fcller.example", "mu\u0308ller.example", "xn--mller-kva.example"} {
		for _, at := range []string{"@", "\uff20", "\ufe6b", "@ ", "@*", "@\u201c", "@\u2026"} {
			for _, behind := range []string{
				"", "!", "/Chief", "|Chief", "}", "\u201d", "\u2019", "\u00bb", "-Chief", "_Chief", "?", "#", "=", "\u2026", "\uff0c", "\uff0cChief", "\u2013Chief", "\u3001Chief", "*", " ", " x",
				"\u2122", "\u00b2", "\u2460", "\u1d40\u1d39", "\u20dd", "\U0001f512", ".", "..", ". Chief", ".\u201d", strings.Repeat("!", 2000), "!" + strings.Repeat("x", 2000),
			} {
				shown := "boss" + at + domain + behind
				word := fmt.Sprintf("=?utf-8?B?%s?=", base64.StdEncoding.EncodeToString([]byte(shown)))
				for _, frame := range []string{
					"From: \"%s\" <x@y.example>", "From: x@y.example (%s)", "From: \"%s\": x@y.example;", "From: \"%s\":;", "From: \"{%s\"", "From: \u201c%s\u201d", "From: x@y.example\nSender: %s", "From: x@y.example\nSender: \u201c%s\u201d",
					"X: \x00\nFrom: x@y.example\nX-Note: %s",
				} {
					for _, text := range []string{shown, word} {
						if header := fmt.Sprintf(frame, text); message.Claimed(message.ClaimsOf([]byte(header+"\n\nx\n")).Shown, own) == "" {
							t.Errorf("%.90q claims no own domain", header)
						}
					}
				}
			}
		}
	}
	for _, other := range []string{
		"@own.example.evil.test", "@own.examplex", "@own.example1", "@sub.own.example", "@mown.example", " own.example", "-own.example", "@own.exampl", "@own", "@own.example\u00e9", "@own.example.\u00e9",
		"@sub.own.example!", "@own.example.evil.test!", "\uff20own.example\uff11", "@own.examplex" + strings.Repeat("!", 2000), "@own.example" + strings.Repeat("x", 2000),
	} {
		for _, frame := range []string{"From: \"%s\" <x@y.example>", "From: x@y.example\nSender: %s"} {
			header := fmt.Sprintf(frame, "boss"+other)
			if got := message.Claimed(message.ClaimsOf([]byte(header+"\n\nx\n")).Shown, own); got != "" {
				t.Errorf("%.90q claims %s", header, got)
			}
		}
	}
}

// authorShapes are values of about n octets, each quadratic for a careless reader of its domains.
var authorShapes = map[string]func(n int) string{
	"words of charsets": func(n int) string { return strings.Repeat("=?gbk?Q?=A1?==?big5?Q?=A1?=", n/28) + "<@" },
	"heads of words":    func(n int) string { return strings.Repeat("=?", n/2) },
	"ends of words":     func(n int) string { return strings.Repeat("?= =?", n/5) },
	"empty words":       func(n int) string { return strings.Repeat("=?q?q?@?=", n/9) },
	"words in a word":   func(n int) string { return strings.Repeat("=?q?q?@", n/7) + "?=" },
	"groups of padding": func(n int) string { return strings.Repeat("=?q?b?QA=QA=?=\t", n/15) },
	"a word in B":       func(n int) string { return "=?q?b?" + strings.Repeat("PEBhPg=", n/7) + "?=" },
	"a word in Q":       func(n int) string { return "=?q?q?" + strings.Repeat("=40a.", n/5) + "?=" },
	"names of charsets": func(n int) string {
		var b strings.Builder
		for i := range n / 17 {
			fmt.Fprintf(&b, "=?l1*%s?q?@a?=", strings.Map(func(c rune) rune { return c - '0' + 'a' }, fmt.Sprint(10000+i)))
		}
		return b.String()
	},
	"words and angles": func(n int) string { return strings.Repeat("=?utf-8?B?QA==QA?=\t<@\u00e9", n/24) },
	"fields in a line": func(n int) string { return strings.Repeat("from:@a ", n/8) },
	"numbers": func(n int) string {
		var b strings.Builder
		for i := range n / 7 {
			fmt.Fprintf(&b, "@%x ", i)
		}
		return b.String()
	},
	"addresses":                 func(n int) string { return strings.Repeat("a@b.example,", n/12) },
	"ats":                       func(n int) string { return strings.Repeat("@", n) },
	"comments":                  func(n int) string { return strings.Repeat("@(@)a", n/5) },
	"open comments":             func(n int) string { return strings.Repeat("@(a ", n/4) },
	"nested comments":           func(n int) string { return strings.Repeat("(@a", n/6) + strings.Repeat(")", n/6) },
	"blanks":                    func(n int) string { return strings.Repeat("@ ", n/2) },
	"long blanks":               func(n int) string { return "@" + strings.Repeat(" ", n) },
	"dots":                      func(n int) string { return strings.Repeat("@a . b", n/6) },
	"quotes":                    func(n int) string { return strings.Repeat("@\"\\", n/3) },
	"words":                     func(n int) string { return strings.Repeat("=?utf-8?q?=40a?= ", n/17) },
	"comments that do not nest": func(n int) string { return strings.Repeat("@(", n/4) + ")" + strings.Repeat("a.", n/4) },
	"other domains":             func(n int) string { return strings.Repeat("@a(", n/6) + ")" + strings.Repeat("a.", n/4) },
	"other domains in angles": func(n int) string {
		return "=?utf-8?q?x?= \u00e9 <>" + strings.Repeat("@a(", n/6) + ")" + strings.Repeat("a.", n/4)
	},
	"unseen behind comments":  func(n int) string { return strings.Repeat("@a(", n/6) + ")a" + strings.Repeat("\"", n/2) },
	"dots behind comments":    func(n int) string { return strings.Repeat("@a(", n/6) + ")" + strings.Repeat(".", n/2) },
	"wide at signs":           func(n int) string { return strings.Repeat("\uff20a\u201d", n/7) },
	"wide at signs in words":  func(n int) string { return strings.Repeat("=?utf-8?q?=EF=BC=A0a?= ", n/23) },
	"long in NFKC":            func(n int) string { return strings.Repeat("\uff20"+strings.Repeat("\ufdfa", 100)+" ", n/304) },
	"signs behind domains":    func(n int) string { return strings.Repeat("@a\u2122\u1d40", n/8) },
	"distinct characters":     func(n int) string { return "x <a@" + characters(n) },
	"domains with characters": func(n int) string { return strings.Join(strings.SplitAfterN(characters(n), "", 100), ",b@x") },
}

// How many characters are looked at for the authors of a header is linear in it, however often in
// each of the ways in which it is read, and there is an end to it.
func TestStepsOfAuthors(t *testing.T) {
	const factor = 500 // characters for each
	for name, shape := range authorShapes {
		for _, n := range []int{16 << 10, 60 << 10, 1000 << 10} {
			header := []byte("From: " + shape(n) + "\n\nx\n")
			if steps := message.StepsOfAuthors(header); steps > min(factor*len(header), 8<<20) {
				t.Errorf("%s: %d characters looked at for %d octets, %d for each", name, steps, len(header), steps/len(header))
			}
		}
	}
}

// BenchmarkAuthors reads the authors of headers of the most that is read of one.
func BenchmarkAuthors(b *testing.B) {
	for _, name := range slices.Sorted(maps.Keys(authorShapes)) {
		for _, nul := range []string{"", "\x00"} {
			header := []byte("X: " + nul + "\nFrom: " + authorShapes[name](1000<<10) + "\n\nx\n")
			b.Run(fmt.Sprintf("%s/%d", name, len(nul)), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					message.ClaimsOf(header)
				}
			})
		}
	}
}
