package record_test

import (
	"strings"
	"testing"

	"cairn/consensus/record"
	"cairn/mailstore/message"
)

// TestHarmfulAdditions: nothing that moves money or readers counts as a footer, wherever in it that
// stands and however it is spelled, and what it says is quoted.
func TestHarmfulAdditions(t *testing.T) {
	const pay = "Pay to DE89 3704 0044 0532 0130 00 from now on"
	list := record.Context{Forwarder: &record.Forwarder{Domain: "b.example", Posting: "ann@b.example", List: true}}
	text, html := "Hello Ann,\n\npay 100 to Bob.", "<html><body><p>Hello Ann,</p>\n<p>pay 100 to Bob.</p>\n"
	const plain, markup = "text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit", "text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit"
	for _, tt := range []struct {
		name, kind, added, says string
		harmless                bool
	}{
		{"a footer", plain, "_______\nThe list\nhttps://b.example/list?id=123456789\nann-leave@b.example", "The list", true},
		{"behind a signature line", plain, "\n-- \nThe list", "The list", true},
		{"behind stars with blanks", plain, "* * * *\nThe list", "The list", true},
		{"behind a rule of boxes", plain, "\u2500\u2500\u2500\u2500\nThe list", "The list", true},
		{"behind a rule", markup, "<hr><p>The list</p>", "The list", true},
		{"hashes", plain, "##\n2. Pay Eve", "Eve", false},
		{"many hashes", plain, "####\n2. Pay Eve", "Eve", false},
		{"dots", plain, "....\n2. Pay Eve", "Eve", false},
		{"a star and a dot", plain, "*.\n2. Pay Eve", "Eve", false},
		{"two rules", plain, "---===\n2. Pay Eve", "Eve", false},
		{"two stars", plain, "**\n2. Pay Eve", "Eve", false},
		{"a dash", plain, "\u2014\n2. Pay Eve", "Eve", false},
		{"a question and its answer", plain, "----\n> Shall we sign?\n\nYes. Ann", "Yes", false},
		{"the same behind blanks", plain, "----\n  \u203a Shall we sign?\n\nYes. Ann", "Yes", false},
		{"the same in HTML", markup, "<hr><p>&gt; Shall we sign?</p><p>Yes. Ann</p>", "Yes", false},
		{"the same in a quotation", markup, "<hr><blockquote>Shall we sign?</blockquote><p>Yes. Ann</p>", "Yes", false},
		{"behind spaces", plain, "--\nList\n" + strings.Repeat(" ", 1100) + pay, "3704", false},
		{"behind what is kept", plain, "--\nList\n" + strings.Repeat("x ", 1100) + pay, "", false},
		{"numbers for a host", plain, "--\nhttp://203.0.113.9/b.example/login", "203.0.113.9", false},
		{"a user for a host", plain, "--\nhttps://b.example@3405803785/login", "3405803785", false},
		{"a letter before the host", plain, "--\nhttps://evil\u00fcb.example/login", "evil", false},
		{"ideographic full stop", plain, "--\nhttps://evil\u3002com/b.example", "evil", false},
		{"one dot leader", plain, "--\nevil\u2024com/b or x@evil\u2024com", "evil", false},
		{"account behind a link", plain, "--\nNew account (www.b.example):DE89370400440532013000", "3704", false},
		{"a link that ends at a bracket", plain, "--\nhttp://b.example(@1.2.3.4/login", "1.2.3.4", false},
		{"one to a hexadecimal host", plain, "--\nhttp://b.example(@0x5db8d822/x", "0x5db8d822", false},
		{"one that a closing bracket ends", plain, "--\nhttp://b.example)@1.2.3.4/", "1.2.3.4", false},
		{"one without a scheme", plain, "--\nwww.b.example(@1.2.3.4/", "1.2.3.4", false},
		{"one that a dot in the middle ends", plain, "--\nhttp://b.example\u00b7@1.2.3.4/login", "1.2.3.4", false},
		{"one that a quotation mark ends", plain, "--\nhttps://b.example\u2018@5.9.7.1/", "5.9.7.1", false},
		{"the same to a host with marks", plain, "--\nhttp://b.example\u00b7@evil.\u0915\u0949\u092e/", "evil", false},
		{"a mark behind the host", plain, "--\nhttp://b.example\u0947.evil.\u092d\u093e\u0930\u0924/login", "evil", false},
		{"a bare host with marks", plain, "--\nVisit evil.\u0915\u0949\u092e now", "evil", false},
		{"a host behind an ideographic stop", plain, "--\nVisit \u4e2d\u3002\u4e2d\u56fd now", "now", false},
		{"a symbol for a host", plain, "--\nVisit \u2764.ws now", "now", false},
		{"characters that hold a slash", plain, "--\nhttp://b.example\u2100.evil.example/", "evil", false},
		{"a link behind a link", plain, "--\nhttp://b.example/,http://evil.example/", "evil", false},
		{"a host behind a link that a bracket ends", plain, "--\nsee http://b.example/)www.evil.example", "evil", false},
		{"one that no www begins", plain, "--\nsee http://b.example/)evil.example", "evil", false},
		{"one behind a square bracket", plain, "--\nsee http://b.example/]www.evil.example", "evil", false},
		{"an address behind a bracket", plain, "--\nsee http://b.example/)x@evil.example", "evil", false},
		{"a host in the query of an address", plain, "--\nsee mailto:ann-leave@b.example?body=www.evil.example", "evil", false},
		{"one in its fragment", plain, "--\nsee mailto:ann-leave@b.example#www.evil.example", "evil", false},
		{"a host in a path", plain, "--\nsee b.example/evil.example", "evil", false},
		{"one in a query", plain, "--\nsee http://b.example/go?evil.example", "evil", false},
		{"one in a fragment", plain, "--\nsee http://b.example/#evil.example", "evil", false},
		{"one in the name of a file", plain, "--\nsee http://b.example/evil.com.html", "evil", false},
		{"an escaped one", plain, "--\nsee http://b.example/%29www%2eevil.example", "evil", false},
		{"an escaped address", plain, "--\nsee http://b.example/x%40evil.example", "evil", false},
		{"an escaped ideographic stop", plain, "--\nsee http://b.example/?evil%E3%80%82example", "evil", false},
		{"an escaped scheme", plain, "--\nsee http://b.example/?u=https%3A%2F%2Fevil", "evil", false},
		{"an address of IPv4 behind a comma", plain, "--\nsee http://b.example/,1.2.3.4", "1.2.3.4", false},
		{"words behind a semicolon", plain, "--\nsee http://b.example/;evil", "evil", false},
		{"own names and a file in a path", plain, "--\nhttps://b.example/mailman/options/ann@b.example?id=ann%40b.example&at=2.1#b.example\nhttps://b.example/pipermail/2026-November/012345.html", "pipermail", true},
		{"a share", plain, "--\n\\\\evil\\doc", "evil", false},
		{"an address alone", plain, "--\nSee 1.2.3.4 now", "1.2.3.4", false},
		{"an address of IPv6", plain, "--\nSee [2001:db8::1] now", "2001", false},
		{"a host in front of an own address", plain, "--\nevil.com/x@b.example", "evil.com", false},
		{"a further recipient", plain, "--\nmailto:ann-leave@b.example?cc=eve@evil.example", "evil", false},
		{"brackets around own names", plain, "--\nThe list (https://b.example/list), [ann-leave@b.example]; b.example/terms. Mailman 2.1.15", "The list", true},
		{"a link to leave", plain, "--\nmailto:ann-leave@b.example?subject=unsubscribe", "leave", true},
		{"no blank behind an own link", plain, "--\nhttp://b.example/\u00a0plain", "plain", true},
		{"port for an account", plain, "--\nwww.b.example:370400440532013000", "3704", false},
		{"circled digits", plain, "--\nNew account \u2460\u2461\u2462\u2463\u2464\u2465\u2466\u2467\u2468", "account", false},
		{"another's address at the same host", plain, "--\nAnswer to boss@b.example, not me: evil@b.org", "evil@b.org", false},
		{"a link in HTML that a bracket ends", markup, `<hr><p>The <a href="https://b.example/)www.evil.example">list</a></p>`, "evil", false},
		{"HTML footer", markup, `<hr><p>The list <a href="https://b.example/list">about</a></p>`, "The list", true},
		{"behind elements", markup, "<hr><div>" + strings.Repeat("<b></b>", 160) + "</div><p>" + pay + "</p>", "3704", false},
		{"instead of a picture", markup, `<hr><p><img src="https://b.example/x.png" alt="` + pay + `"></p>`, "x.png", false},
		{"picture of a stranger", markup, `<hr><p><img src="http://203.0.113.9/b.example.png"></p>`, "203.0.113.9", false},
		{"host in pieces", markup, `<hr><p>evil<b>.</b>com</p>`, "evil.com", false},
		{"a number in pictures", markup, `<hr><p>Pay: <img alt="DE8937"><img alt="040044"><img alt="053201"><img alt="3000"></p>`, "DE89370400440532013000", false},
		{"a host in pictures", markup, `<hr><p>Pay at <img alt="www"><img alt="."><img alt="evil"><img alt="."><img alt="com"></p>`, "www.evil.com", false},
		{"a host around a picture", markup, `<hr><p>Pay at evil<img alt=" ">.com</p>`, "Pay at", false},
		{"a quotation in the place of a picture", markup, `<hr><p><img alt="&gt; Shall we sign?"></p><p>Yes</p>`, "> Shall we sign?", false},
		{"a number in titles", markup, `<hr><p title="DE8937">The <b title="040044">list</b></p>`, "040044", false},
		{"words beside pictures", markup, `<hr><p><img src="https://b.example/x" alt="Logo of the list"> The list</p>`, "Logo of the list The list", true},
		{"HTML that nothing sets apart", markup, `<p>PS: our bank has changed; ring me first.</p>`, "ring me", false},
		{"a line end alone", markup, `<br>to the account that Eve gives you by phone.`, "Eve", false},
		{"a table", markup, `<table border="1"><tr><td>Total</td><td>to Eve</td></tr></table>`, "Total", false},
		{"a line of text that is a rule", markup, `<p></p>-- <br>The list`, "The list", true},
		{"a rule that words follow", markup, `<p>---<b> pay Eve</b></p>`, "Eve", false},
		{"a rule and words in one line of two", markup, "<p>---\npay Eve</p>", "Eve", false},
		{"a rule of no size", markup, `<hr size="0" width="0"><p>pay Eve</p>`, "Eve", false},
		{"a rule in white", markup, `<p style="color:white">---</p><p>pay Eve</p>`, "Eve", false},
		{"a rule in the place of a picture", markup, `<p><img alt="---"></p><p>pay Eve</p>`, "Eve", false},
		{"digits in pieces", markup, `<hr><p>DE8<b>937</b>040<i>044</i></p>`, "DE8937040044", false},
	} {
		body, end := text, ""
		if tt.kind == markup {
			body, end = html, "</body></html>"
		}
		sent := mail(tt.kind, body+end)
		arrived := mail(tt.kind, body+"\n"+tt.added+"\n"+end)
		for _, with := range []record.Context{{}, list} {
			c := record.Compare(tokenOf(sent), arrived, with)
			if got := c.MayBeWanted() || c.Forwarded(); got != tt.harmless {
				t.Errorf("%s: harmless %v\n%s", tt.name, got, table(c))
			}
			if quoted := strings.Join(c.Quoted(), "\n"); !strings.Contains(quoted, tt.says) {
				t.Errorf("%s: %q is not in %q", tt.name, tt.says, quoted)
			}
		}
	}
}

// TestListFieldsLeadHome: what a mail program makes buttons of leads to the author's addressees.
func TestListFieldsLeadHome(t *testing.T) {
	const sent = "From: Jo <jo@example.org>\r\nTo: team@b.example\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\nSubject: Figures\r\n"
	list := record.Context{Forwarder: &record.Forwarder{Domain: "b.example", Posting: "team@b.example", List: true}}
	for field, fine := range map[string]bool{
		"List-Post: <mailto:team@b.example>":                                                        true,
		"List-Unsubscribe: <https://b.example/u>, <mailto:team-leave@b.example?subject=off>":        true,
		"List-Unsubscribe: <https://b.example/,https://evil.example/>":                              false,
		"List-Unsubscribe: <https://b.example/?u=https%3A%2F%2Fevil.example>":                       false,
		"List-Archive: <https://b.example/archives/team@b.example/>":                                true,
		"List-Post: <mailto:evil@[203.0.113.9]>":                                                    false,
		"List-Unsubscribe: <http://203.0.113.9/u>":                                                  false,
		"List-Unsubscribe: <https://b.example@evil.example/u>":                                      false,
		"List-Help: <https://b.example/" + strings.Repeat("x", 2100) + ">, <https://evil.example/>": false,
		"List-Post: https://evil.example/":                                                          false,
	} {
		token := tokenOf(dissect(sent + "\r\nHello\r\n"))
		for _, with := range []record.Context{{}, list} {
			c := record.Compare(token, dissect(sent+field+"\r\n\r\nHello\r\n"), with)
			if got := c.MayBeWanted() || c.Forwarded(); got != fine {
				t.Errorf("%.60s: %v\n%s", field, got, table(c))
			}
		}
	}
}

func dissect(raw string) *message.Dissection { return message.Dissect([]byte(raw), nil) }
