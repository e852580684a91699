package record_test

import (
	"mime"
	"testing"

	"cairn/consensus/record"
	"cairn/mailstore/message"
)

// TestTagWords: a tag names no host and has no word of several alphabets, in whatever letters; from
// nobody, from a list that is known, and as what List-Id calls a list.
func TestTagWords(t *testing.T) {
	list := record.Context{Forwarder: &record.Forwarder{Domain: "b.example", Posting: "ann@b.example", List: true}}
	header := func(subject, listID string) *message.Dissection {
		return message.Dissect([]byte("From: Jo <jo@example.org>\r\nTo: ann@b.example\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\nSubject: "+subject+
			"\r\nMessage-ID: <1@example.org>\r\n"+listID+"\r\nHello Ann\r\n"), nil)
	}
	sent := header("Figures", "")
	for tag, harmless := range map[string]bool{
		"EXTERNAL": true, "ann": true, "Ann & Bob": true, "重要なお知らせ。": true, "рассылка": true, "рассылка team": true, "お知らせnews": true, "Team…": true,
		"evil。com": false, "evil．com": false, "evil․com": false, "evil｡com": false, "悪い。みんな": false, "evil.com": false, "раураl": false, "pаypal": false,
		`bob\evil`: false, `\\evil`: false, "evil：pay": false, "bob＠evil": false, "evil\u200b": false, "call 0800": false, "八〇〇一二三": false,
	} {
		received := header(mime.BEncoding.Encode("utf-8", "["+tag+"] Figures"), "")
		named := header("Figures", "List-Id: "+tag+" <ann.b.example>\r\n")
		for _, with := range []record.Context{{}, list} {
			c := record.Compare(tokenOf(sent), received, with)
			if got := c.MayBeWanted() || c.Forwarded(); got != harmless {
				t.Errorf("%q: harmless %v\n%s", tag, got, table(c))
			}
		}
		if c := record.Compare(tokenOf(sent), named, record.Context{}); !harmless && c.MayBeWanted() {
			t.Errorf("%q in List-Id may be wanted\n%s", tag, table(c))
		}
	}
}
