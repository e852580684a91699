package record_test

import (
	"fmt"
	"strings"
	"testing"

	"cairn/consensus/record"
	"cairn/mailstore/message"
)

// manyIDs is mail that was wrapped by a list, with as many ids as fit inside, and around it others:
// those inside in another order, or of nobody, each or the last alone.
func manyIDs(around string) (sent, received []byte) {
	var ids, others strings.Builder
	for i := range 3500 {
		fmt.Fprintf(&ids, "<%x>\r\n ", i)
		fmt.Fprintf(&others, "<%x>\r\n ", map[string]int{"known": 3499 - i, "others": 3500 + i, "last": i + i/3499}[around])
	}
	_, plain, _ := strings.Cut(letter, "\r\n")
	inner := "References: " + strings.TrimSpace(ids.String()) + "\r\n" + plain
	outer := "From: devs@lists.example\r\nTo: ann@b.example\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\nSubject: Figures\r\n" +
		"Message-ID: <2@lists.example>\r\nIn-Reply-To: " + strings.TrimSpace(others.String()) + "\r\n" +
		"References: " + strings.TrimSpace(others.String()) + "\r\n" +
		"Reply-To: Jo <jo@example.org>\r\nMIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n\r\n"
	return []byte(inner), []byte(outer + inner)
}

var idsList = record.Context{Forwarder: &record.Forwarder{Domain: "lists.example", Posting: "devs@lists.example", List: true}}

// TestManyIDs: a record is asked for as many ids as two fields have there, however many a mail has.
func TestManyIDs(t *testing.T) {
	for around, may := range map[string]bool{"known": true, "others": false, "last": false} {
		sent, received := manyIDs(around)
		c, tries, _ := record.CompareTries(tokenOf(message.Dissect(sent, nil)), message.Dissect(received, nil), idsList)
		if c.Forwarded() != may {
			t.Errorf("%s: forwarded %v, %q", around, c.Forwarded(), c.Differences())
		}
		if tries > 200 {
			t.Errorf("%s: %d tries", around, tries)
		}
	}
}

// BenchmarkManyIDs is what each of these mails costs.
func BenchmarkManyIDs(b *testing.B) {
	for _, around := range []string{"known", "others", "last"} {
		sent, received := manyIDs(around)
		token := tokenOf(message.Dissect(sent, nil))
		b.Run(around, func(b *testing.B) {
			for b.Loop() {
				record.Compare(token, message.Dissect(received, nil), idsList)
			}
		})
	}
}
