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
	const nobody, listed, anybody = 0, 1, 2 // from whom it is a footer: of nobody, of a known list, of anybody
	for _, tt := range []struct {
		name, kind, added, says string
		from                    int
	}{
		{"a footer", plain, "_______\nThe list\nhttps://b.example/list?id=123456789\nann-leave@b.example", "The list", listed},
		{"behind a signature line", plain, "\n-- \nThe list", "The list", anybody},
		{"behind stars with blanks", plain, "* * * *\nThe list", "The list", anybody},
		{"behind a rule of boxes", plain, "\u2500\u2500\u2500\u2500\nThe list", "The list", anybody},
		{"behind a rule", markup, "<hr><p>The list</p>", "The list", anybody},
		{"hashes", plain, "##\n2. Pay Eve", "Eve", nobody},
		{"many hashes", plain, "####\n2. Pay Eve", "Eve", nobody},
		{"a rule of hashes", plain, "##########\nThe list", "The list", anybody},
		{"a short one", plain, "#########\n2. Pay Eve", "Eve", nobody},
		{"a heading behind one", plain, "##########\n# 2. Pay Eve", "Eve", nobody},
		{"a rule of two characters", plain, "=-=-=-=-=-=\nThe list\n-=-=-=-=-=-", "The list", anybody},
		{"a short one of two", plain, "=-=-=-=-=\n2. Pay Eve", "Eve", nobody},
		{"one with a word", plain, "=-=-=-=-=-=-x\n2. Pay Eve", "Eve", nobody},
		{"how to leave", plain, "\nTo unsubscribe send a mail to ann+unsubscribe@b.example", "To unsubscribe", listed},
		{"the same with a full stop", plain, "\nTo unsubscribe, e-mail: <ann-unsubscribe@b.example>.", "To unsubscribe", listed},
		{"the same in another language", plain, "\nWenn Sie sich von dieser Gruppe abmelden und keine E-Mails mehr von dieser Gruppe erhalten möchten, senden Sie eine E-Mail an ann+unsubscribe@b.example.", "Wenn Sie", listed},
		{"words of no software", plain, "\nCorrection: pay the invoice of Eve today and confirm by a mail to ann-unsubscribe@b.example", "Correction", nobody},
		{"those without marks", plain, "\nI take back what I wrote above please send the payroll to ann+unsubscribe@b.example", "payroll", nobody},
		{"a number in words", plain, "\nJo: four seven one one two two nine is the new account of ann-unsubscribe@b.example", "four", nobody},
		{"words in front of how to leave", plain, "\nPay Eve. To unsubscribe, send a mail to ann-unsubscribe@b.example", "Eve", nobody},
		{"words behind it in its line", plain, "\nTo unsubscribe send a mail to ann+unsubscribe@b.example and Eve", "Eve", nobody},
		{"the same in the author's paragraph", plain, "To unsubscribe send a mail to ann+unsubscribe@b.example", "To unsubscribe", nobody},
		{"two lines of it", plain, "\nPay Eve.\nTo unsubscribe send a mail to ann+unsubscribe@b.example", "Eve", nobody},
		{"a line in front of it", plain, "\nPay Eve.\n\nTo unsubscribe send a mail to ann+unsubscribe@b.example", "Eve", nobody},
		{"two sentences in it", plain, "\nPay Eve. To unsubscribe send a mail to ann+unsubscribe@b.example", "Eve", nobody},
		{"an amount in it", plain, "\nPay 200 and leave with ann+unsubscribe@b.example", "200", nobody},
		{"words behind it", plain, "\nSend a mail to ann+unsubscribe@b.example or pay Eve", "Eve", nobody},
		{"another list's", plain, "\nTo unsubscribe send a mail to eve+unsubscribe@b.example", "eve", nobody},
		{"another address of the list", plain, "\nTo get paid send a mail to ann+owner@b.example", "owner", nobody},
		{"the list's own", plain, "\nTo get paid send a mail to ann@b.example", "paid", nobody},
		{"how to leave in HTML", markup, "<p>To unsubscribe send a mail to ann+unsubscribe@b.example</p>", "To unsubscribe", nobody},
		{"a number that is drawn", plain, "---\nThe new account:\n _  !_!  _\n _!   !  _!\n _!   !  _!", "account", nobody},
		{"columns", plain, "-- \nAcme Ltd    Directors:   Ann Doe\nLondon      Registered in England", "Acme", anybody},
		{"one drawn with words", plain, "--\nPay to:\nwesoup  attoof  upbyon\n    is  at      up  by\n    we  inatto      up\n    so      of      by", "Pay to", nobody},
		{"one drawn with lines that begin apart", plain, "--\nPay to:\nwesoup\n    is\n    we\n    so\nis\nattoof\n    of\n    to\n    at\nit\n    so\n    up\n    by", "Pay to", nobody},
		{"one drawn with rules", plain, "---\nThe new account:\n***  *  ***\n  *  *  *\n***  *  ***", "account", nobody},
		{"one with lines between", plain, "---\nThe new account:\n***  *\n\n*    *\n\n***  *", "account", nobody},
		{"one of letters", plain, "---\nThe new account:\nXXX  X\n  X  X\nXXX  X", "account", nobody},
		{"one in HTML", markup, "<hr><p>The new account:<br>_ !_!<br>_! !<br>_! !</p>", "account", nobody},
		{"a box", plain, "**********\n*        *\n* The    *\n* list   *\n*        *\n**********", "The", anybody},
		{"a framed title", plain, "******************\n**** The list ****\n******************", "The list", anybody},
		{"a title behind a signature line", plain, "-- \n---- The list ----", "The list", anybody},
		{"rules between", plain, "--\n__________\nThe list\n----------\nits home\n----------\n==========", "The", anybody},
		{"words in other scripts", plain, "---\n\u30ea\u30b9\u30c8\n*\n\u540d\n\u0420\u0430\u0441\u0441\u044b\u043b\u043a\u0430", "", anybody},
		{"dots", plain, "....\n2. Pay Eve", "Eve", nobody},
		{"a star and a dot", plain, "*.\n2. Pay Eve", "Eve", nobody},
		{"two rules", plain, "---===\n2. Pay Eve", "Eve", nobody},
		{"two stars", plain, "**\n2. Pay Eve", "Eve", nobody},
		{"a dash", plain, "\u2014\n2. Pay Eve", "Eve", nobody},
		{"a question and its answer", plain, "----\n> Shall we sign?\n\nYes. Ann", "Yes", nobody},
		{"the same behind blanks", plain, "----\n  \u203a Shall we sign?\n\nYes. Ann", "Yes", nobody},
		{"the same in HTML", markup, "<hr><p>&gt; Shall we sign?</p><p>Yes. Ann</p>", "Yes", nobody},
		{"the same in a quotation", markup, "<hr><blockquote>Shall we sign?</blockquote><p>Yes. Ann</p>", "Yes", nobody},
		{"behind spaces", plain, "--\nList\n" + strings.Repeat(" ", 1100) + pay, "3704", nobody},
		{"behind what is kept", plain, "--\nList\n" + strings.Repeat("x ", 1100) + pay, "", nobody},
		{"numbers for a host", plain, "--\nhttp://203.0.113.9/b.example/login", "203.0.113.9", nobody},
		{"a user for a host", plain, "--\nhttps://b.example@3405803785/login", "3405803785", nobody},
		{"a letter before the host", plain, "--\nhttps://evil\u00fcb.example/login", "evil", nobody},
		{"ideographic full stop", plain, "--\nhttps://evil\u3002com/b.example", "evil", nobody},
		{"one dot leader", plain, "--\nevil\u2024com/b or x@evil\u2024com", "evil", nobody},
		{"account behind a link", plain, "--\nNew account (www.b.example):DE89370400440532013000", "3704", nobody},
		{"a link that ends at a bracket", plain, "--\nhttp://b.example(@1.2.3.4/login", "1.2.3.4", nobody},
		{"one to a hexadecimal host", plain, "--\nhttp://b.example(@0x5db8d822/x", "0x5db8d822", nobody},
		{"one that a closing bracket ends", plain, "--\nhttp://b.example)@1.2.3.4/", "1.2.3.4", nobody},
		{"one without a scheme", plain, "--\nwww.b.example(@1.2.3.4/", "1.2.3.4", nobody},
		{"one that a dot in the middle ends", plain, "--\nhttp://b.example\u00b7@1.2.3.4/login", "1.2.3.4", nobody},
		{"one that a quotation mark ends", plain, "--\nhttps://b.example\u2018@5.9.7.1/", "5.9.7.1", nobody},
		{"the same to a host with marks", plain, "--\nhttp://b.example\u00b7@evil.\u0915\u0949\u092e/", "evil", nobody},
		{"a mark behind the host", plain, "--\nhttp://b.example\u0947.evil.\u092d\u093e\u0930\u0924/login", "evil", nobody},
		{"a bare host with marks", plain, "--\nVisit evil.\u0915\u0949\u092e now", "evil", nobody},
		{"a host behind an ideographic stop", plain, "--\nVisit \u4e2d\u3002\u4e2d\u56fd now", "now", nobody},
		{"a symbol for a host", plain, "--\nVisit \u2764.ws now", "now", nobody},
		{"characters that hold a slash", plain, "--\nhttp://b.example\u2100.evil.example/", "evil", nobody},
		{"a link behind a link", plain, "--\nhttp://b.example/,http://evil.example/", "evil", nobody},
		{"a host behind a link that a bracket ends", plain, "--\nsee http://b.example/)www.evil.example", "evil", nobody},
		{"one that no www begins", plain, "--\nsee http://b.example/)evil.example", "evil", nobody},
		{"one behind a square bracket", plain, "--\nsee http://b.example/]www.evil.example", "evil", nobody},
		{"an address behind a bracket", plain, "--\nsee http://b.example/)x@evil.example", "evil", nobody},
		{"a host in the query of an address", plain, "--\nsee mailto:ann-leave@b.example?body=www.evil.example", "evil", nobody},
		{"one in its fragment", plain, "--\nsee mailto:ann-leave@b.example#www.evil.example", "evil", nobody},
		{"a host in a path", plain, "--\nsee b.example/evil.example", "evil", nobody},
		{"one in a query", plain, "--\nsee http://b.example/go?evil.example", "evil", nobody},
		{"one in a fragment", plain, "--\nsee http://b.example/#evil.example", "evil", nobody},
		{"one in the name of a file", plain, "--\nsee http://b.example/evil.com.html", "evil", nobody},
		{"an escaped one", plain, "--\nsee http://b.example/%29www%2eevil.example", "evil", nobody},
		{"an escaped address", plain, "--\nsee http://b.example/x%40evil.example", "evil", nobody},
		{"an escaped ideographic stop", plain, "--\nsee http://b.example/?evil%E3%80%82example", "evil", nobody},
		{"an escaped scheme", plain, "--\nsee http://b.example/?u=https%3A%2F%2Fevil", "evil", nobody},
		{"an address of IPv4 behind a comma", plain, "--\nsee http://b.example/,1.2.3.4", "1.2.3.4", nobody},
		{"words behind a semicolon", plain, "--\nsee http://b.example/;evil", "evil", nobody},
		{"own names and a file in a path", plain, "--\nhttps://b.example/mailman/options/ann@b.example?id=ann%40b.example&at=2.1#b.example\nhttps://b.example/pipermail/2026-November/012345.html", "pipermail", listed},
		{"a share", plain, "--\n\\\\evil\\doc", "evil", nobody},
		{"an address alone", plain, "--\nSee 1.2.3.4 now", "1.2.3.4", nobody},
		{"an address of IPv6", plain, "--\nSee [2001:db8::1] now", "2001", nobody},
		{"a host in front of an own address", plain, "--\nevil.com/x@b.example", "evil.com", nobody},
		{"a further recipient", plain, "--\nmailto:ann-leave@b.example?cc=eve@evil.example", "evil", nobody},
		{"brackets around own names", plain, "--\nThe list (https://b.example/list), [ann-leave@b.example]; b.example/terms. Mailman 2.1.15", "The list", listed},
		{"a link to leave", plain, "--\nmailto:ann-leave@b.example?subject=unsubscribe", "leave", anybody},
		{"no blank behind an own link", plain, "--\nhttp://b.example/\u00a0plain", "plain", listed},
		{"port for an account", plain, "--\nwww.b.example:370400440532013000", "3704", nobody},
		{"circled digits", plain, "--\nNew account \u2460\u2461\u2462\u2463\u2464\u2465\u2466\u2467\u2468", "account", nobody},
		{"another's address at the same host", plain, "--\nAnswer to boss@b.example, not me: evil@b.org", "evil@b.org", nobody},
		{"a link in HTML that a bracket ends", markup, `<hr><p>The <a href="https://b.example/)www.evil.example">list</a></p>`, "evil", nobody},
		{"HTML footer", markup, `<hr><p>The list <a href="https://b.example/list">about</a></p>`, "The list", listed},
		{"behind elements", markup, "<hr><div>" + strings.Repeat("<b></b>", 160) + "</div><p>" + pay + "</p>", "3704", nobody},
		{"instead of a picture", markup, `<hr><p><img src="https://b.example/x.png" alt="` + pay + `"></p>`, "x.png", nobody},
		{"picture of a stranger", markup, `<hr><p><img src="http://203.0.113.9/b.example.png"></p>`, "203.0.113.9", nobody},
		{"host in pieces", markup, `<hr><p>evil<b>.</b>com</p>`, "evil.com", nobody},
		{"a number in pictures", markup, `<hr><p>Pay: <img alt="DE8937"><img alt="040044"><img alt="053201"><img alt="3000"></p>`, "DE89370400440532013000", nobody},
		{"a host in pictures", markup, `<hr><p>Pay at <img alt="www"><img alt="."><img alt="evil"><img alt="."><img alt="com"></p>`, "www.evil.com", nobody},
		{"a host around a picture", markup, `<hr><p>Pay at evil<img alt=" ">.com</p>`, "Pay at", nobody},
		{"a quotation in the place of a picture", markup, `<hr><p><img alt="&gt; Shall we sign?"></p><p>Yes</p>`, "> Shall we sign?", nobody},
		{"a number in titles", markup, `<hr><p title="DE8937">The <b title="040044">list</b></p>`, "040044", nobody},
		{"words beside pictures", markup, `<hr><p><img src="https://b.example/x" alt="Logo of the list"> The list</p>`, "Logo of the list The list", nobody},
		{"a dot that counts readers", markup, `<hr><p>The list<img src="https://b.example/x" width=1 height=1 alt=""></p>`, "https://b.example/x", nobody},
		{"a frame that no picture fills", markup, `<hr><p>The list <img width=18 height=48></p>`, "The list", nobody},
		{"HTML that nothing sets apart", markup, `<p>PS: our bank has changed; ring me first.</p>`, "ring me", nobody},
		{"a line end alone", markup, `<br>to the account that Eve gives you by phone.`, "Eve", nobody},
		{"a table", markup, `<table border="1"><tr><td>Total</td><td>to Eve</td></tr></table>`, "Total", nobody},
		{"a line of text that is a rule", markup, `<p></p>-- <br>The list`, "The list", anybody},
		{"a rule that words follow", markup, `<p>---<b> pay Eve</b></p>`, "Eve", nobody},
		{"a rule and words in one line of two", markup, "<p>---\npay Eve</p>", "Eve", nobody},
		{"a rule of no size", markup, `<hr size="0" width="0"><p>pay Eve</p>`, "Eve", nobody},
		{"a rule in white", markup, `<p style="color:white">---</p><p>pay Eve</p>`, "Eve", nobody},
		{"a rule in the place of a picture", markup, `<p><img alt="---"></p><p>pay Eve</p>`, "Eve", nobody},
		{"a host in cells", markup, `<hr><table><tr><td>Pay at evil</td><td>.com/pay</td></tr></table>`, "evil", nobody},
		{"one in rows", markup, `<hr><table><tr><th>Pay at evil</th></tr><tr><th>.com/pay</th></tr></table>`, "evil", nobody},
		{"one in bodies of a table", markup, `<hr><table><thead><tr><td>Pay at evil.</thead><tbody><tr><td>com/pay</tbody></table>`, "evil", nobody},
		{"one in items of no list", markup, `<hr><li>Pay at evil</li><li>.com/pay</li>`, "evil", nobody},
		{"one in the middle", markup, `<hr><center>Pay at evil</center><center>.com/pay</center>`, "evil", nobody},
		{"one around a picture in cells", markup, `<hr><table><tr><td>Pay at evil</td><td><img alt="x"></td><td>.com/pay</td></tr></table>`, "evil", nobody},
		{"a wallet in cells", markup, `<hr><table><tr><td>1BoatSLRHtKNn</td><td>gkdXEeobR76b5</td><td>3LETtpyT</td></tr></table>`, "1Boat", nobody},
		{"words in cells", markup, `<hr><table><tr><td>The list</td></tr><tr><td>by the team</td></tr></table>`, "The list", anybody},
		{"words in cells beside each other", markup, `<hr><table><tr><td>Please<br>pay Bob</td><td>nobody<br>today</td></tr></table>`, "Please", nobody},
		{"words far apart", plain, "--\nPay Bob" + strings.Repeat(" ", 60) + "is what nobody says", "Pay Bob", nobody},
		{"words far below", plain, "--\nPay Bob" + strings.Repeat("\n", 60) + "is what nobody says", "Pay Bob", nobody},
		{"one drawn where there is little room", plain, "--\nThe list\n###_###_### #___#_#_#__ ###_###_### __#_#___### ###_###___#", "The list", nobody},
		{"sentences in paragraphs", markup, `<hr><p>This is the list.</p><p>Thanks.</p>It is ours.<br>All`, "This", anybody},
		{"digits in pieces", markup, `<hr><p>DE8<b>937</b>040<i>044</i></p>`, "DE8937040044", nobody},
		{"a page and how to leave", plain, "--\nThe list\nhttps://www.b.example/listinfo/ann\nmailto:ann-request@b.example?subject=unsubscribe", "The list", anybody},
		{"a page with a query", plain, "--\nThe list\nhttps://b.example/listinfo/ann?x", "The list", listed},
		{"a page with a fragment", plain, "--\nThe list\nhttps://b.example/listinfo/ann#x", "The list", listed},
		{"a page at a port", plain, "--\nThe list\nhttps://b.example:8080/listinfo/ann", "The list", listed},
		{"a page of another", plain, "--\nThe list\nhttps://b.example/listinfo/annie", "The list", listed},
		{"a page at a host below", plain, "--\nThe list\nhttps://evil.b.example/listinfo/ann", "The list", listed},
		{"a host below", plain, "--\nThe list, evil.b.example", "The list", listed},
		{"an address that the list's would begin", plain, "--\nThe list, ann-evil@b.example", "The list", listed},
		{"digits in a page", plain, "--\nThe list, https://b.example/ann/3704004405", "The list", listed},
		{"words to send", plain, "--\nThe list, mailto:ann@b.example?subject=I+accept", "The list", listed},
		{"a wallet", plain, "--\nNew wallet: 1BoatSLRHtKNngkdXEeobR76b53LETtpyT", "1Boat", nobody},
		{"one in HTML", markup, "<hr><p>New wallet: 1BoatSLRHtKN<b>ngkdXEeobR76b53LETtpyT</b></p>", "1Boat", nobody},
		{"one in lower case", plain, "--\nNew wallet: bcqarsrrrxkfvyqlcvdyzgfyz4nn", "bcqars", nobody},
		{"one without digits", plain, "--\nNew wallet: aBoatSLRHtKNngkdXEeobRTpyT", "aBoat", nobody},
		{"a long word", plain, "--\nDatenschutzbestimmungen und DONAUDAMPFSCHIFFAHRTSGESELLSCHAFT", "DONAU", anybody},
		{"a scheme", plain, "--\nbitcoin:aBoat", "bitcoin", nobody},
		{"a number to ring", plain, "--\ntel:118118", "118118", nobody},
		{"one behind a bracket", plain, "--\nring (sms:80888)", "80888", nobody},
		{"times and titles", plain, "--\nMeets at 10:30. Topics: mail, lists", "10:30", anybody},
		{"letters like digits", plain, "--\nDE \u0223\u01bc\u01b7\u01a7 \u01bc\u01bc \ua76f\u0223 \u01b7\u01a7", "DE", nobody},
		{"those that are common elsewhere", plain, "--\nDE \u0417\u0431 \u041e\u0417 \u0431\u041e \u0417\u0431", "DE", nobody},
		{"Chinese digits", plain, "--\nDE \u516b\u4e5d\u4e09\u4e03\u96f6\u56db\u96f6\u96f6", "DE", nobody},
		{"those among words", plain, "--\n我们的新账号是六二二八四八零四零二五六", "六二二", nobody},
		{"those of banks", plain, "--\n新账号陆贰贰捌肆捌零", "陆贰", nobody},
		{"those of radicals", plain, "--\n新账号是⼆⼆⼋⼆⼋⼆⼆", "新", nobody},
		{"a number in words", plain, "--\n新账号是六百二十二万八千四百八十", "六百", anybody},
		{"Korean digits", plain, "--\n새 계좌번호는 일이삼사오육칠팔구공입니다", "계좌", nobody},
		{"Korean words", plain, "--\n이 메일은 이사 공사 구역의 일이며 이 메일을 영구히", "이", anybody},
		{"some Chinese digits", plain, "--\n二十一世纪、第一和第三、大陆参加", "第一", anybody},
		{"cards", plain, "--\nDE \U0001f0a8\U0001f0a9", "DE", nobody},
		{"clocks", plain, "--\nDE \U0001f557\U0001f558", "DE", nobody},
		{"dice", plain, "--\nDE \u2680\u2681", "DE", nobody},
		{"Braille", plain, "--\nDE \u283c\u2801", "DE", nobody},
		{"a wallet in groups", plain, "--\nNew wallet: 1Boat SLRHt KNngk dXEeo bR76b 53LET tpyT", "1Boat", nobody},
		{"one with hyphens", plain, "--\nNew wallet: aBoatSLRHt-KNngkdXEeo-bR76b53LE-TtpyT", "aBoat", nobody},
		{"names of sites", plain, "--\nThe list at YouTube LinkedIn GitHub, (c) 2026 by the LibreOffice team", "YouTube", anybody},
		{"a host with a hair space", plain, "--\nPay at evil\u200a.com/x", "evil", nobody},
		{"one in HTML", markup, "<hr><p>Pay at evil&#x2009;.com/x</p>", "evil", nobody},
		{"a blank in front of a mark", plain, "--\nLa liste\u202f: merci\u202f!\u00a0Bonjour.\u00a0Tous", "liste", anybody},
		{"a word of two scripts", plain, "--\nDE8\u0417 is new", "DE8", nobody},
		{"texts of two scripts", plain, "--\n\u0420\u0430\u0441\u0441\u044b\u043b\u043a\u0430 \u043e\u0431 \u043e\u0434\u043d\u043e\u043c, Mail\u30ea\u30b9\u30c8\u306e\u767b\u9332, Google\uadf8\ub8f9", "Mail", anybody},
	} {
		body, end := text, ""
		if tt.kind == markup {
			body, end = html, "</body></html>"
		}
		sent := mail(tt.kind, body+end)
		arrived := mail(tt.kind, body+"\n"+tt.added+"\n"+end)
		for _, with := range []record.Context{{}, list} {
			c := record.Compare(tokenOf(sent), arrived, with)
			want := tt.from == anybody || tt.from == listed && with.Forwarder != nil
			if got := c.MayBeWanted() || c.Forwarded(); got != want {
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
		"List-Post: <mailto:team@b.example>": true,
		"List-Unsubscribe: <https://b.example/options/team>, <mailto:team-leave@b.example?subject=help>": true,
		"List-Unsubscribe: <https://b.example/,https://evil.example/>":                                   false,
		"List-Unsubscribe: <https://b.example/?u=https%3A%2F%2Fevil.example>":                            false,
		"List-Archive: <https://b.example/archives/team@b.example/>":                                     true,
		"List-Post: <mailto:evil@[203.0.113.9]>":                                                         false,
		"List-Unsubscribe: <http://203.0.113.9/u>":                                                       false,
		"List-Unsubscribe: <https://b.example@evil.example/u>":                                           false,
		"List-Help: <https://b.example/" + strings.Repeat("x", 2100) + ">, <https://evil.example/>":      false,
		"List-Post: https://evil.example/":                                                               false,
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

// TestShownFieldsAdded: what programs show as a matter of course is the author's as a subject is,
// in whatever encoded words; relays add others for themselves.
func TestShownFieldsAdded(t *testing.T) {
	const sent = "From: Jo <jo@example.org>\r\nTo: team@b.example\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\nSubject: Figures\r\n"
	for field, fine := range map[string]bool{
		"Summary": false, "Organization": false, "Organisation": false, "Author": false, "Posted-To": false, "Gnus-Warning": false,
		"X-URL": false, "X-Mailer": false, "User-Agent": false, "Fcc": false, "Gcc": false, "X-Newsreader": false,
		"X-Ticket": true, "X-Scanned-By": true,
	} {
		plain, added := dissect(sent+"\r\nHello\r\n"), dissect(sent+field+": pay to DE89370400440532013000\r\n\r\nHello\r\n")
		if c := record.Compare(tokenOf(plain), added, record.Context{}); c.MayBeWanted() != fine {
			t.Errorf("%s: %v\n%s", field, c.MayBeWanted(), table(c))
		}
		packed, again := dissect(sent+field+": =?utf-8?q?J=C3=B6?=\r\n\r\nHello\r\n"), dissect(sent+field+": =?utf-8?b?SsO2?=\r\n\r\nHello\r\n")
		if c := record.Compare(tokenOf(packed), again, record.Context{}); !c.AllSame() {
			t.Errorf("%s in other encoded words: \n%s", field, table(c))
		}
	}
}
