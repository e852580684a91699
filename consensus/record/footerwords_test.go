package record_test

import (
	"testing"

	"cairn/consensus/record"
)

// TestFooterWords: what footers of all languages have in their words is no host, and hides nothing;
// what leads somewhere does in whatever letters, from a list that is known and from nobody.
func TestFooterWords(t *testing.T) {
	const kind, text = "text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit", "Hello Ann,\n\nthe figures are fine."
	list := record.Context{Forwarder: &record.Forwarder{Domain: "b.example", Posting: "ann@b.example", List: true}}
	for added, harmless := range map[string]bool{
		"--\nTopics, e.g. mail, i.e. lists, U.S. and 5 p.m.":                 true,
		"--\nz.B. der Verein e.V., d.h. alle":                                true,
		"--\nFigures S.p.A., Figures S.A., Figures B.V., Figures s.r.o.":     true,
		"--\nFigures d.o.o., Figures sp. z o.o., Αριθμοί Α.Ε., Sayılar A.Ş.": true,
		"--\nJ.R. Doe, Ph.D.":                  true,
		"--\nписьма, списки и т.д.":            true,
		"--\nSee README.txt and listinfo.html": true,
		"--\nこのメールは team に送信されました。退会はリストまで。": true,
		"--\n此邮件发往列表。退订请回复。":                 true,
		"--\nSee evil.com":              false,
		"--\nSee EVIL.CoM.":             false,
		"--\nSee evil.com/e.V.":         false,
		"--\nSee e.V.,evil.com":         false,
		"--\nSee e.g.evil.co.uk":        false,
		"--\nSee t.co":                  false,
		"--\nSee evil.test.txt":         false,
		"--\nSee evil.comです":            false,
		"--\nSee evil.com\u0301":        false,
		"--\nSee evil.c\ufe0eom":        false,
		"--\nSee evil.com_x":            false,
		"--\nSee evil.com-x":            false,
		"--\nSee evil.xn--p1ai":         false,
		"--\nSee зло.рф":                false,
		"--\nSee 悪い。みんな":                false,
		"--\nSee 悪い。com":                false,
		"--\nSee evil.한국":               false,
		"--\nSee evil.onion or eve.eth": false,
		"--\nSee eve.near":              false,
		"--\nSee eve.btc or Eve.TON":    false,
		"--\nSee files.acme.corp":       false,
		"--\nSee http.router.lan":       false,
		"--\nSee ftp.evil.router":       false,
		"--\nSee ftp.router":            false,
		"--\nSee www.router":            false,
		"--\nSee (pay.evil.router)":     false,
		"--\nSee です。pay.evil.router":    false,
		"--\nSee J.R.Doe, e.g.lists":    true,
		"--\nリストです。返信は不要。listinfo まで。":                               true,
		"--\nПисьмо А.С.Иванова":                                     true,
		"--\nVerein i.d.R. e.V., v.l.n.r., a.s.b.l.":                 true,
		"--\nSee 203.0.113.9":                                        false,
		"--\nSee 203.0.113.9:80":                                     false,
		"--\nSee v1.2.3.4":                                           false,
		"--\nلغو عضویت با رایانامه انجام نمی\u200cشود":               true,
		"--\nതാത്പര്യമുള്ളവര്\u200d എഴുതുക":                          true,
		"--\nශ්\u200dරී ලංකා":                                        true,
		"--\nपत्र\u200d":                                             false,
		"--\nअर्\u200dयाल":                                           true,
		"--\nបញ្ជី\u200bសំបុត្រ":                                     true,
		"--\n\U0001f469\u200d\U0001f4bb the team":                    true,
		"--\n\U0001f469\U0001f3fd\u200d\u2764\ufe0f\u200d\U0001f469": true,
		"--\n10 \u00b5g, 5 \u2126":                                   true,
		"--\nPay E\u200cve":                                          false,
		"--\nPay E\u200dve":                                          false,
		"--\nPay E\u200bve":                                          false,
		"--\nPay \U0001f469\u200dEve":                                false,
		"--\nPay 20\u200d0":                                          false,
		"--\nPay \u200cEve":                                          false,
		"--\nنمی\u200c\u200cشود":                                     false,
		"--\nدر\u200c ده":                                            false,
		"--\nزن\u200cabc":                                            false,
		"--\nSee evil.ایر\u200cان":                                   false,
		"--\nSee evil.भा\u200dरत":                                    false,
		"--\n六\u200b六":                                               false,
		"--\nSee evil.ع\u200cمان":                                    false,
		"\n＝＝＝＝＝＝\nteam":                                             true,
		"\n－－－－－－－－\nteam\n－－－－－－－－":                                 true,
		"\n＿＿＿\nteam":                                                true,
		"\nーーーーーー\nチーム":                                              true,
		"\n・・・・・・\nチーム":                                              true,
		"\n‐‐‐‐\nteam":                                               true,
		"\n−−−−\nteam":                                               true,
		"\n+----------+\nteam\n+----------+":                         true,
		"\n+---+\nteam":                                              false,
		"\n+++\nteam":                                                false,
		"______________________________\n\n***************************\n\n---------------------------\nteam": true,
		"---\n◆◇◆◇◆◇◆◇◆◇\n□■□■□■□■□■\nチーム":                                                                   true,
		"--\n‥‥‥‥‥‥‥‥\n……………………\nteam":                                                                       true,
		"---\n====================\n==========\n====================\nteam":                                  false,
		"---\n■■■■■■■■■■\n■□□□□□□□□■\n■■■■■■■■■■\nteam":                                                      false,
		"---\n===\n===\n===\nteam":                    false,
		"---\n  ********\n********\n  ********\nteam": false,
		"\n＝＝\nteam":                                  false,
		"\nメールー\nteam":                                false,
		"\n－－－－\n＞ Pay?\n\nYes":                       false,
		"--\nＥＶＩＬ．ＣＯＭ":                                false,
		"--\n５５":                                      false,
	} {
		sent, arrived := mail(kind, text), mail(kind, text+"\n"+added+"\n")
		for _, with := range []record.Context{{}, list} {
			c := record.Compare(tokenOf(sent), arrived, with)
			if got := c.MayBeWanted() || c.Forwarded(); got != harmless {
				t.Errorf("%q: harmless %v\n%s", added, got, table(c))
			}
		}
	}
}
