package verifier

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/smtpgw/screen"
)

// Mail from outside that claims a domain of ours has our record, or is missing
// it, whatever else it has.
func TestOwnDomains(t *testing.T) {
	const boss = "boss@org2.example"
	own := chaintest.New(3).Orgs[1]
	cfg := Config{Own: Own{Key: consensus.PublicKey(own.Key), Domains: []string{"org2.example"}}}
	w := newWorld(t, setting{orgs: 3, cfg: cfg, pins: []int{0, 1, 2}, change: func(n *chaintest.Network) {
		records(consensus.RecordsSome, 0, 1)(n)
		also(1, "xn--mller-kva.example")(n)
	}})
	for _, c := range []struct {
		name    string
		from    string
		seals   int // organisation; -1: nobody
		courier int
		local   bool
		change  func([]byte) []byte
		verdict record.Verdict
		box     string
	}{
		{"no record", boss, -1, -1, false, nil, record.Missing, "spam"},
		{"no record, in other letters", "Boss@ORG2.Example", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, in another script", "boss@müller.example", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, among other authors", "x@elsewhere.example, " + boss, -1, -1, false, nil, record.Missing, "spam"},
		{"no record, in a second From field", "x@elsewhere.example\r\nFrom: " + boss, -1, -1, false, nil, record.Missing, "spam"},
		{"no record, by another organisation's node", boss, -1, 0, false, nil, record.Missing, "spam"},
		{"no record, as a name", `"boss@org2.example" <x@elsewhere.example>`, -1, -1, false, nil, record.Missing, "spam"},
		{"no record, as a name that goes on", `"boss@org2.example/Chief" <x@elsewhere.example>`, -1, -1, false, nil, record.Missing, "spam"},
		{"no record, as a name in typographic quotes", "\u201cboss@org2.example\u201d <x@elsewhere.example>", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, as a name with a wide at sign", "=?utf-8?q?boss=EF=BC=A0org2.example?= <x@elsewhere.example>", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, as a name alone", `"boss@org2.example!"`, -1, -1, false, nil, record.Missing, "spam"},
		{"a name with a domain that goes on from ours", `"boss@org2.example.evil.test!" <x@elsewhere.example>`, -1, -1, false, nil, record.Unrecorded, "inbox"},
		{"an author at a domain that goes on from ours", "boss@org2.example-elsewhere.example", -1, -1, false, nil, record.Unrecorded, "inbox"},
		{"no record, in a comment", "x@elsewhere.example (boss@org2.example)", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, as a group of nobody", `"boss@org2.example":;`, -1, -1, false, nil, record.Missing, "spam"},
		{"no record, as a group", `"boss@org2.example": x@elsewhere.example;`, -1, -1, false, nil, record.Missing, "spam"},
		{"no record, as a sender on behalf", "x@elsewhere.example\r\nSender: Boss <boss@org2.example>", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, as the sender's name", "x@elsewhere.example\r\nSender: \"boss@org2.example\" <x@elsewhere.example>", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, an empty author but a sender", "\r\nSender: " + boss, -1, -1, false, nil, record.Missing, "spam"},
		{"no record, nobody's, returned to ours", "Nobody:;\r\nReturn-Path: <" + boss + ">", -1, -1, false, nil, record.Missing, "spam"},
		{"returned to ours", "x@elsewhere.example\r\nReturn-Path: <" + boss + ">", -1, -1, false, nil, record.Unrecorded, "inbox"},
		{"a list's sender", "x@elsewhere.example\r\nSender: devs-bounces@lists.example", -1, -1, false, nil, record.Unrecorded, "inbox"},
		{"another's record, as a name", `"boss@org2.example" <jo@org1.example>`, 0, -1, false, nil, record.Missing, "spam"},
		{"our record, our sender", "x@elsewhere.example\r\nSender: " + boss, 1, -1, false, nil, record.Pending, "inbox"},
		{"no record, as some read it", boss + " (x <eve@elsewhere.example>", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, before another in angles", boss + " <eve@elsewhere.example>", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, with a quote in a comment", boss + `("<eve@elsewhere.example>`, -1, -1, false, nil, record.Missing, "spam"},
		{"no record, between words", `"x" ` + boss + " eve@elsewhere.example", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, two in angles", "<" + boss + ",eve@elsewhere.example>", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, behind another in angles", "<eve@elsewhere.example> " + boss, -1, -1, false, nil, record.Missing, "spam"},
		{"no record, in brackets", "[" + boss + ", eve@elsewhere.example]", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, in an encoded word", "=?utf-8?q?=3Cboss=40org2=2Eexample=3E?= <eve@elsewhere.example>", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, a domain in EBCDIC", "boss@=?ibm500?B?lpmH8kuFp4GUl5OF?=", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, a word in EBCDIC", "=?ibm500?B?TIKWoqJ8lpmH8kuFp4GUl5OFbg==?= <eve@elsewhere.example>", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, all in EBCDIC", "=?ibm500?B?gpaionyWmYfyS4WngZSXk4U=?=", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, a domain in UTF-16 without a mark", "boss@=?utf-16?B?bwByAGcAMgAuAGUAeABhAG0AcABsAGUA?=", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, all in UTF-16 without a mark", "=?utf-16?B?PABiAG8AcwBzAEAAbwByAGcAMgAuAGUAeABhAG0AcABsAGUAPgA=?=", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, a domain in escapes", "boss@=?unicode_escape?Q?org2=5Cx2eexample?=", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, a domain in a charset that nobody knows", "boss@=?x?Q?o?=", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, a word with a language that is too long", "=?utf-8*" + strings.Repeat("x", 64) + "?Q?=3Cboss=40org2=2Eexample=3E?= <eve@elsewhere.example>", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, a word with a charset that is too long", "=?" + strings.Repeat("x", 64) + "ibm037?B?TIKWoqJ8lpmH8kuFp4GUl5OFbg==?= <eve@elsewhere.example>", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, a word without a charset", "=??Q?=3Cboss=40org2=2Eexample=3E?= <eve@elsewhere.example>", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, a domain without a charset", "boss@=??Q?org2=2Eexample?=", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, a word of a language alone", "=?*ibm037?B?TIKWoqJ8lpmH8kuFp4GUl5OFbg==?= <eve@elsewhere.example>", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, a word that does not end", "=?utf-8?Q?=3Cboss=40org2=2Eexample=3E", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, a word that begins inside another", "=?utf-8?Q?x =?utf-8?Q?=3Cboss=40org2=2Eexample=3E?= <eve@elsewhere.example>", -1, -1, false, nil, record.Missing, "spam"},
		{"a name with what begins no word", "Who=? =?utf-8? <x@elsewhere.example>", -1, -1, false, nil, record.Unrecorded, "inbox"},
		{"no record, an octet in two words", "=?utf-8?Q?=3Cboss=40org2=?= =?utf-8?Q?2Eexample=3E?= <eve@elsewhere.example>", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, the digits of an octet in two words", "=?utf-8?Q?=3Cboss=40org2.ex=6?= =?utf-8?Q?1mple=3E?= <eve@elsewhere.example>", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, a group in two words", "=?utf-8?B?PGJvc3NAb3JnMi5?= =?utf-8?B?leGFtcGxlPg==?= <eve@elsewhere.example>", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, padding in a group", "=?utf-8?B?PGJvc3NAb3JnM=i5leGFtcGxlPg==?= <eve@elsewhere.example>", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, padding before a group", "=?utf-8?B?PGJvc3NA?= =?utf-8?B?=b3JnMi5leGFtcGxlPg==?= <eve@elsewhere.example>", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, an octet in two words of a charset by two names", "=?utf-8?Q?=3Cboss=40org2=?= =?utf8?Q?2Eexample=3E?= <eve@elsewhere.example>", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, a group in two words of a charset by two names", "=?utf-8?B?PGJvc3NAb3JnMi5?= =?utf8?B?leGFtcGxlPg==?= <eve@elsewhere.example>", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, a blank in an octet", "=?utf-8?Q?=3Cboss=40org2= 2Eexample=3E?= <eve@elsewhere.example>", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, an octet that does not end", "=?utf-8?Q?=3Cboss=40org2.ex=6?= =?us-ascii?Q?ample=3E?= <eve@elsewhere.example>", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, what is nothing to some", "=?jis_x0201?Q?=3Cboss=40org2=2Eex=A9ample=3E?= <eve@elsewhere.example>", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, a charset that ends with another's name", "=?tcvn-cp37?B?TIKWoqJ8lpmH8kuFp4GUl5OFbg==?= <eve@elsewhere.example>", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, a language that is a charset's name", "boss@=?utf-8*cp37?B?lpmH8kuFp4GUl5OF?=", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, a language that ends with one", "=?us-ascii*-cp37?B?TIKWoqJ8lpmH8kuFp4GUl5OFbg==?= <eve@elsewhere.example>", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, a language that is one below another", "=?us-ascii*x-cp-37?B?TIKWoqJ8lpmH8kuFp4GUl5OFbg==?= <eve@elsewhere.example>", -1, -1, false, nil, record.Missing, "spam"},
		{"a name in a language", "=?us-ascii*en-GB?Q?Ann?= <x@elsewhere.example>", -1, -1, false, nil, record.Unrecorded, "inbox"},
		{"no record, a dot of another octet", "boss@=?armscii-8?Q?org2=A9example?=", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, a dot of two octets", "boss@=?x-euc-jp?Q?org2=A1=A3example?=", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, a mark by another name of its charset", "=?hebrew?Q?=3Cboss=40org2=2Eex=FDample=3E?= <eve@elsewhere.example>", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, a mark in a code page", "=?cp1255?Q?=3Cboss=40org2=2Eex=FDample=3E?= <eve@elsewhere.example>", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, a mark in a charset that is not known", "=?cp864?Q?=3Cboss=40org2=2Eex=A1ample=3E?= <eve@elsewhere.example>", -1, -1, false, nil, record.Missing, "spam"},
		{"a name in a charset that is not known", "=?unknown-8bit?Q?M=FCller?= <x@elsewhere.example>", -1, -1, false, nil, record.Unrecorded, "inbox"},
		{"a name in one by another name", "=?cp-1252?Q?M=FCller?= <x@elsewhere.example>", -1, -1, false, nil, record.Unrecorded, "inbox"},
		{"no record, a comment before the domain", "boss@(x)org2.example", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, a blank before the dot", "Boss <boss@org2 .example>", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, a blank behind the dot", "boss@org2. example", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, a fold before the dot", "boss@org2\r\n .example", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, a comment before the dot", "<boss@org2 (a (b\\)) c) .example>", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, a quoted domain", `boss@org2."example"`, -1, -1, false, nil, record.Missing, "spam"},
		{"no record, a route", "<@org2. example:boss@elsewhere.example>", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, a domain of encoded words", "boss@=?utf-8?q?org2?= (x) =?utf-8?b?LmV4YW1wbGU=?=", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, behind many others", strings.Repeat("x@elsewhere.example ", 99) + boss, -1, -1, false, nil, record.Missing, "spam"},
		{"no record, behind a bare CR", "eve@elsewhere.example\r\nX-Note: x\rFrom: " + boss, -1, -1, false, nil, record.Missing, "spam"},
		{"no record, no author but a sender", "", -1, -1, false, func(b []byte) []byte { return replace(b, "From: \r\n", "Sender: "+boss+"\r\n") }, record.Missing, "spam"},
		{"no record, beyond what may be read of a header", boss, -1, -1, false, func(b []byte) []byte {
			return append([]byte(strings.Repeat("X-Note: "+strings.Repeat("x", 900)+"\r\n", 1200)), b...)
		}, record.Missing, "spam"},
		{"no record, behind what costs too much to read", strings.Repeat("@a(", 12<<10) + ")" + strings.Repeat("a.", 16<<10) + ",<> =?utf-8?q?x?=, " + boss, -1, -1, false, func(b []byte) []byte {
			return bytes.Replace(b, []byte("From: "), []byte("X-Note: \x00\r\nFrom: "), 1)
		}, record.Missing, "spam"},
		{"no record, beyond what is read of a header", boss + " (x <eve@elsewhere.example>", -1, -1, false, func(b []byte) []byte {
			return append([]byte(strings.Repeat("X-Note: "+strings.Repeat("x", 900)+"\r\n", 75)), b...)
		}, record.Missing, "spam"},
		{"another's record, a blank before the dot", "Boss <boss@org2 .example>", 0, 0, false, nil, record.Missing, "spam"},
		{"another's record, as some read it", boss + " <jo@org1.example>", 0, -1, false, nil, record.Missing, "spam"},
		{"a name in 8 bit", "J\xf6rg <x@elsewhere.example>", -1, -1, false, nil, record.Unrecorded, "inbox"},
		{"a domain below ours", "boss@sub.org2.example", -1, -1, false, nil, record.Unrecorded, "inbox"},
		{"no record, by our own node", boss, -1, 1, false, nil, record.Unrecorded, "inbox"},
		{"no record, from our own queue", boss, -1, -1, true, nil, record.Unrecorded, "inbox"},
		{"another's record, though that one is pinned", boss, 0, -1, false, nil, record.Missing, "spam"},
		{"another's record, by its own node", boss, 0, 0, false, nil, record.Missing, "spam"},
		{"another's record, changed", boss, 0, -1, false, footer, record.Missing, "spam"},
		{"our record, back from outside", boss, 1, -1, false, nil, record.Pending, "inbox"},
		{"our record, changed outside", boss, 1, -1, false, footer, record.Differs, "inbox"},
		{"our record on other text", boss, 1, -1, false, func(b []byte) []byte { return replace(b, "100 to Bob", "900 to Eve") }, record.Differs, "spam"},
		{"a token of nobody", boss, -1, -1, false, func(b []byte) []byte { return append([]byte("Cairn-Record: AAAA\r\n"), b...) }, record.Invalid, "spam"},
		{"another's mail", jo, 0, -1, false, nil, record.Pending, "inbox"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.TB = t
			raw := letter(c.from, "", text)
			if c.seals >= 0 {
				raw = w.seal(c.seals, raw, ann)
			}
			if c.change != nil {
				raw = c.change(raw)
			}
			a := Arrival{Raw: raw, Recipients: []string{ann}, Received: w.now, Local: c.local}
			if c.courier >= 0 {
				a.Courier = w.courier(c.courier)
			}
			as, err := w.v.Check(context.Background(), a)
			w.must(err)
			ref := w.put(as, raw, []string{ann})[0].Ref
			w.expect(ref, "at arrival", c.verdict, c.box)
			if c.seals >= 0 && c.verdict == record.Missing {
				w.include(c.seals)
				w.must(w.v.Retrust(context.Background(), w.net.Orgs[c.seals].Domain))
				w.expect(ref, "in a block", record.Missing, "spam")
			}
			if reasons := w.finding(ref).Reasons; c.verdict == record.Missing && !strings.Contains(reasons[0], "of our own") {
				t.Errorf("reasons %q", reasons)
			}
		})
	}
}

// What a known forwarder sent on is vouched for, once for each account, however
// old the original record is; its own record has to hold for what arrives, and
// the original for what the author wrote.
func TestSentOnByKnownForwarder(t *testing.T) {
	const list = "devs@org2.example"
	known := func(_ *mailstore.Reader, account mailstore.AccountID) ([]record.Forwarder, error) {
		if account != 1 {
			return nil, nil
		}
		return []record.Forwarder{{Domain: "org2.example", Posting: list, List: true}}, nil
	}
	w := newWorld(t, setting{orgs: 2, pins: []int{0, 1}, cfg: Config{Forwarders: known}})
	posted := func(body string) []byte {
		return w.seal(0, replace(letter(jo, "", body), "To: "+ann, "To: "+list), list)
	}
	sentOn := func(posted []byte, rcpt string) []byte {
		return w.seal(1, append([]byte("List-Id: <devs.org2.example>\r\n"), posted...), rcpt)
	}
	original := posted(text)
	raw := sentOn(append(bytes.TrimSuffix(original, []byte("\r\n")), "\r\n_______\r\nwww.org2.example\r\n"...), ann)
	other := w.deliver(sentOn(posted("for ben"), ben), w.courier(1), ben)[0].Ref
	w.now = w.now.Add(40 * day)
	w.expect(w.arrive(raw), "the list's record is too old", record.Replayed, "spam")
	raw = sentOn(append(bytes.TrimSuffix(original, []byte("\r\n")), "\r\n_______\r\nwww.org2.example\r\n"...), ann)
	w.expect(w.deliver(raw, nil, ben)[0].Ref, "to who is not in the list's record", record.Replayed, "spam")
	first := w.arrive(raw)
	w.expect(first, "at arrival", record.Pending, "inbox")
	w.expect(w.arrive(raw), "again", record.Replayed, "spam")
	as, err := w.v.Check(context.Background(), Arrival{Raw: raw, Recipients: []string{ann}, Received: w.now})
	w.must(err)
	if e := screened(as.Found()).Evidence(); len(e) != 2 || e[1].Method != screen.MethodForwarder || e[1].About != "org2.example" {
		t.Errorf("evidence %v", e)
	}
	w.expect(w.arrive(original), "straight to who is not in the record", record.Replayed, "spam")
	byNode := sentOn(posted("another"), ann)
	w.expect(w.deliver(byNode, w.courier(1), ann)[0].Ref, "by the list's node", record.Pending, "inbox")
	if w.deliver(byNode, w.courier(1), ann)[0].stored {
		t.Error("the retry of the list's node was stored again")
	}
	changed := w.arrive(sentOn(replace(posted(text+"more"), "100 to Bob", "900 to Eve"), ann))
	w.expect(changed, "with another text", record.Differs, "spam")
	w.include(0)
	w.include(1)
	w.expect(first, "in a block", record.Vouched, "inbox")
	w.expect(other, "of who does not know the list, which recorded it", record.Differs, "inbox")
	f := w.finding(first)
	want := "Sent on by org2.example. Recorded by org1.example for jo@org1.example: lines 1 to 3. Not jo@org1.example's: last 2 lines: "
	if !strings.HasPrefix(f.Reasons[0], want) {
		t.Errorf("reasons %q, want %q first", f.Reasons, want)
	}
	if last := f.Reasons[len(f.Reasons)-1]; !strings.HasPrefix(last, "not addressed to you") {
		t.Errorf("reasons %q do not say that it was not addressed to her", f.Reasons)
	}
	if got := w.finding(other).Reasons[1]; got != "sent on by org2.example for devs@org2.example, which you have not named as a list or forwarder of yours" {
		t.Errorf("reason %q", got)
	}
}

// What the configured map rewrote is recorded by the organisation of the domain that it was.
func TestMappedFrom(t *testing.T) {
	rewritten, err := record.ParseAddressMap([]string{"jo=org1.example@relay.example = " + jo})
	if err != nil {
		t.Fatal(err)
	}
	for _, known := range []bool{true, false} {
		var cfg Config
		want := "not by the From domain's organisation"
		if known {
			cfg.Context.Map, want = rewritten, "which is trusted for the From domain"
		}
		w := newWorld(t, setting{orgs: 1, pins: []int{0}, cfg: cfg})
		raw := replace(w.seal(0, letter(jo, "", text), ann), jo, "jo=org1.example@relay.example")
		as, err := w.v.Check(context.Background(), Arrival{Raw: raw, Recipients: []string{ann}, Received: w.now})
		w.must(err)
		if reasons := strings.Join(as.Found().Reasons, "\n"); !strings.Contains(reasons, want) {
			t.Errorf("map known %v: %s", known, reasons)
		}
	}
}
