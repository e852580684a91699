package index

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"cairn/index/query"
	"cairn/mailstore"
)

const letter = `From: Jon Doe <jon.doe@mail.example.com>
To: Jo <jo@example.org>
Cc: Zoë Müller <zoe@bücher.example>
Subject: Invoice 2026-17 for Example Ltd
Date: Mon, 4 May 2026 10:00:00 +0200
Message-ID: <abc.1@mail.example.com>
List-Id: Billing <billing.lists.example.com>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain; charset=utf-8

Please don't forget to pay by Friday. The quick brown fox
jumps over the lazy dog. Grüße aus Århus, 中文搜索测试。
--b
Content-Type: text/csv; name=numbers.csv
Content-Disposition: attachment; filename=numbers.csv

apples,42
--b--
`

const page = `From: news@shop.example
To: jo@example.org
Subject: =?utf-8?q?Caf=C3=A9_sale?=
Date: Wed, 25 Dec 1996 10:00:00 +0000
Content-Type: text/html; charset=utf-8

<html><head><style>hiddenword{}</style></head><body><p>Big<b>gest</b> sale&amp;offers</p><p>today</p></body></html>
`

const reply = `From: zoe@xn--bcher-kva.example
To: jon.doe@mail.example.com
Subject: Re: Invoice
Date: Tue, 5 May 2026 10:00:00 +0000

The dog was not lazy. Friday it is, said Jon and then he left.
`

func TestSearch(t *testing.T) {
	b := newBed(t)
	b.add([]string{"inbox", "unread", "work/billing"}, letter)
	b.add([]string{"inbox", "verdict/pending", "lazy"}, page)
	b.add([]string{"sent"}, reply)
	b.add([]string{"inbox", "deleted"}, "Subject: gone invoice\n\nbye\n")
	b.sync()
	for _, c := range []struct{ query, want string }{
		{"", "3 1 2"},
		{"invoice", "3 1"},
		{"INVOICE", "3 1"},
		{"nothing-like-this", ""},
		{"invoice friday", "3 1"},
		{"fox or sale", "1 2"},
		{"invoice -fox", "3"},
		{"not invoice", "2"},
		{"-invoice -sale", ""},
		{"cafe", "2"},
		{"café", "2"},
		{"arhus", "1"},
		{"grusse", "1"},
		{"don't", "1"},
		{"hiddenword", ""},
		{"biggest", "2"},
		{"offers today", "2"},
		{`"quick brown fox"`, "1"},
		{`"brown quick fox"`, ""},
		{`"lazy dog"`, "1"},
		{"quic* brow*", "1"},
		{"inv*", "3 1"},
		{"subject:inv*", "3 1"},
		{"dog near lazy", "3 1"},
		{"dog near/1 lazy", "1"},
		{"fox near/2 friday", ""},
		{"the near (quick fox)", "1"},
		{"left near (jon or fox)", "3"},
		{`"he left" near/3 jon`, "3"},
		{"friday near nobody", ""},
		{"from:jon", "1"},
		{`from:"jon doe"`, "1"},
		{"from:jon.doe@mail.example.com", "1"},
		{"from:JON.DOE@MAIL.example.com", "1"},
		{"from:example.com", "1"},
		{"to:jon.doe", "3"},
		{"from:xn--bcher-kva.example", "3"},
		{"cc:zoe", "1"},
		{"cc:(zoe muller)", "1"},
		{"cc:(zoe or jon) subject:invoice", "1"},
		{"subject:(invoice -re)", "1"},
		{"body:invoice", ""},
		{"attachment:apples", "1"},
		{"filename:numbers.csv", "1"},
		{"filename:numbers", "1"},
		{"id:abc.1@mail.example.com", "1"},
		{`id:"<abc.1@mail.example.com>"`, "1"},
		{"list:billing.lists.example.com", "1"},
		{"list:billing", "1"},
		{"搜索", "1"},
		{"文搜索测", "1"},
		{"试", "1"},
		{"中", "1"},
		{"索搜", ""},
		{"has:attachment", "1"},
		{"label:inbox", "1 2"},
		{"inbox", "1 2"},
		{"is:unread", "1"},
		{"is:read", "3 2"},
		{"work/billing", "1"},
		{"sent or inbox -unread", "3 2"},
		{"verdict:pending", "2"},
		{"verdict:verified", ""},
		{"label:deleted", "4"},
		{"is:deleted or invoice", "4 3 1"},
		{"larger:500", "1"},
		{"smaller:300 invoice", "3"},
		{"11/2/96-25/Dec/96", "2"},
		{"date:1996", "2"},
		{"after:2026-05-05", "3"},
		{"before:2026-05-05", "1 2"},
		{"newer_than:30d", "3 1 2"}, // by when they came in, whatever their Date
		{"older_than:30d", ""},
		{"received:2026-05-10", "3 1 2"},
		{"received:..2026-05-09", ""},
		{"after:2026-04-10", "3 1"},
		{"- invoice", "3 1"},
		{"invoice -- friday", "3 1"},
		{"invoice & friday", "3 1"},
		{"invoice not --", "3 1"},
		{`"$$$"`, ""},
		{"--", ""},
		{"not --", ""},
		{"-(& --)", ""},
		{"inbox or ★", "1 2"},
		{"sent or not &&", "3"},
		{"subject:& invoice", ""},
		{"subject:(& invoice)", "3 1"},
		{`subject:(not "&")`, ""},
		{"(-- or &) invoice", "3 1"},
		{"*** invoice **", "3 1"},
		{"***", ""},
		{"not ***", ""},
		{"(invoice -- ***) near (& friday)", b.find("invoice near friday")},
		{"invoice (& near --)", "3 1"},
		{`"lazy dog" near dog`, ""}, // there is no other dog
		{"dog near dog", ""},
		{"(fox near jumps) near quick", "1"},
		{"(fox near jumps) near fox", ""},
		{"lazy", "3 1 2"}, // the label of one, and a word of the others
		{"LAZY -label:lazy", "3 1"},
		{`"lazy"`, "3 1"},
		{"subject:lazy", ""},
		{"deleted", "4"},
		{"Waiting", ""},
		{`subject:"re invoice"`, "3"},
	} {
		if got := b.find(c.query); got != c.want {
			t.Errorf("%s finds %q, want %q", c.query, got, c.want)
		}
	}
}

// What a bare word means is told: a label of the system, or a label of the account's own and the
// word.
func TestQueryAsUnderstood(t *testing.T) {
	b := newBed(t)
	b.add([]string{"work", "home"}, letter)
	b.sync()
	for _, c := range []struct{ query, understood, both string }{
		{"inbox invoice", "label:inbox invoice", ""},
		{"Work -home work from:home", `(label:work or "Work") not (label:home or "home") (label:work or "work") from:home`, "home work"},
		{"Report -- final", "Report final", ""},
		{"not --", "not *", ""},
		{"newer_than:3d", "newer_than:3d", ""},
	} {
		q, err := query.Parse(c.query, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		result, err := b.ix.Search(t.Context(), Request{Account: b.account, Query: q, Now: time.Now()})
		if err != nil || result.Query.String() != c.understood || strings.Join(result.Both, " ") != c.both {
			t.Errorf("%s is understood as %s, with %q, %v; want %s, with %q", c.query, result.Query, result.Both, err, c.understood, c.both)
		}
	}
}

// Every label of the system can be asked for by is:, and no other.
func TestIsTakesTheSystemsLabels(t *testing.T) {
	for _, label := range mailstore.SystemLabels() {
		if q, err := query.Parse("is:"+label, time.Now()); err != nil || q != query.Q(query.Label{Name: label}) {
			t.Errorf("is:%s: %v, %v", label, q, err)
		}
	}
}

// A near is right however often its words stand in a mail, ends when nobody waits for it, and what
// would take too much room is an error.
func TestNearOfManyPlaces(t *testing.T) {
	b := newBed(t)
	b.add(nil, "Subject: many\n\n"+strings.Repeat("the sea with ", 50_000)+"the end of it\n")
	b.sync()
	for q, want := range map[string]string{
		"sea near/3 end": "1", "sea near/2 end": "", "end near/1 of near/1 it": "1", "the near/1 it": "", "(the near/2 with) near/3 of": "1", "(the near/2 with) near/1 of": "",
	} {
		if got := b.find(q); got != want {
			t.Errorf("%s finds %q, want %q", q, got, want)
		}
	}
	q, err := query.Parse("(the near/900 with) near/1 it", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.ix.Search(t.Context(), Request{Account: b.account, Query: q}); !errors.Is(err, ErrTooNear) {
		t.Errorf("%s: %v", q, err)
	}
	tooMany := []string{"sea near (the" + strings.Repeat(" or the", 200) + ")"}
	b.add(nil, "Subject: parts\n\n"+strings.Repeat("p ", 400)+strings.Repeat("q ", 400)+"x1 x2 x3 x4 x5 x6 x7 x8 x9")
	b.sync()
	tooMany = append(tooMany, "p near/1000 q near/1000 x1 near/1000 x2 near/1000 x3 near/1000 x4 near/1000 x5 near/1000 x6 near/1000 x7 near/1000 x8 near/1000 x9")
	for _, text := range tooMany {
		q, err := query.Parse(text, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.ix.Search(t.Context(), Request{Account: b.account, Query: q}); !errors.Is(err, ErrTooNear) {
			t.Errorf("%.40s: %v", text, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	e := &evaluator{ctx: ctx}
	cancel()
	var ended error
	for range 1024 {
		ended = cmp.Or(ended, e.step())
	}
	if !errors.Is(ended, context.Canceled) {
		t.Errorf("a search that nobody waits for: %v", ended)
	}
}

// A mail whose Date nobody can read is dated by when it came in, on 2026-05-10; after: includes the
// day, before: does not.
func TestDateThatCannotBeRead(t *testing.T) {
	b := newBed(t)
	b.add(nil, "From: a@b.example\nDate: soon\n\nx\n", "From: a@b.example\n\nx\n", reply)
	b.sync()
	for query, want := range map[string]string{
		"date:2026-05-10": "2 1", "after:2026-05-10": "2 1", "before:2026-05-11": "2 1 3", "before:2026-05-10": "3", "before:2026-05-05": "",
	} {
		if got := b.find(query); got != want {
			t.Errorf("%s finds %q, want %q", query, got, want)
		}
	}
}

func TestSearchPagesAndAccounts(t *testing.T) {
	b := newBed(t)
	b.add(nil, reply, reply, page)
	var other mailstore.AccountID
	b.update(func(tx *mailstore.Tx) error {
		a, err := tx.AddAccount("zoe", nil)
		other = a.ID
		return err
	})
	first := b.account
	b.account = other
	b.add([]string{"inbox"}, reply)
	b.sync()
	b.account = first
	if got := b.find("invoice"); got != "2 1" {
		t.Errorf("one account finds %q", got)
	}
	q := query.Term{Text: "invoice"}
	result, err := b.ix.Search(context.Background(), Request{Query: q})
	if err != nil || result.Total != 3 || len(result.Hits) != 3 {
		t.Errorf("all accounts: %+v, %v", result, err)
	}
	result, err = b.ix.Search(context.Background(), Request{Account: first, Query: q, Limit: 1, Offset: 1})
	if err != nil || result.Total != 2 || len(result.Hits) != 1 || result.Hits[0].Message != 1 {
		t.Errorf("second page: %+v, %v", result, err)
	}
	result, err = b.ix.Search(context.Background(), Request{Account: first, Query: q, Offset: 9})
	if err != nil || result.Total != 2 || len(result.Hits) != 0 {
		t.Errorf("page behind the end: %+v, %v", result, err)
	}
	var paged, all []mailstore.Ref
	for after := (*Place)(nil); ; {
		result, err = b.ix.Search(context.Background(), Request{Limit: 1, After: after})
		if err != nil || result.Total != 4 || len(result.Hits) != 1 {
			t.Fatalf("a page of one behind %v: %+v, %v", after, result, err)
		}
		paged = append(paged, result.Hits...)
		if after = result.Next; after == nil {
			break
		}
		if again, err := ParsePlace(after.String()); err != nil || again != *after {
			t.Errorf("%s comes back as %v, %v", after, again, err)
		}
	}
	result, err = b.ix.Search(context.Background(), Request{})
	if all = result.Hits; err != nil || !slices.Equal(paged, all) || len(all) != 4 {
		t.Errorf("in pages %v, at once %v, %v", paged, all, err)
	}
	if _, err := b.ix.Search(context.Background(), Request{Account: 99}); err != nil {
		t.Errorf("account that is not there: %v", err)
	}
}
