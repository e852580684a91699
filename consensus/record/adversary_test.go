package record_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"cairn/consensus/record"
	"cairn/mailstore/message"
)

// edit makes one change to a message: of octets, lines, fields or parts.
func edit(t *rapid.T, raw []byte) []byte {
	at := rapid.IntRange(0, len(raw)-1).Draw(t, "at")
	lines := bytes.SplitAfter(raw, []byte("\n"))
	line := rapid.IntRange(0, len(lines)-2).Draw(t, "line")
	some := rapid.SampledFrom([]string{
		"x", " ", "\t", "\r", "\n", "\r\n", "\x00", "=", ";", ":", "\"", "\\", "(", "<", "-", "--", "\xff", "é", ".",
		"Subject: x\r\n", "Reply-To: e@evil.example\r\n", "X-A: b\r\n", "Content-Type: text/html\r\n", "MIME-Version: 1.0\r\n",
		"Content-Transfer-Encoding: base64\r\n", "Content-Disposition: attachment\r\n", "--b\r\n", "--b--\r\n", "\r\n\r\n", " folded\r\n",
		"--b\r\nContent-Type: text/plain\r\n\r\nadded\r\n", "Received: from a by b\r\n", "X-Spam-Status: yes\r\n",
	}).Draw(t, "some")
	switch rapid.SampledFrom([]string{"replace", "insert", "delete", "swap", "line", "double", "exchange", "insert line"}).Draw(t, "edit") {
	case "replace":
		return slices.Concat(raw[:at], []byte(some), raw[at+1:])
	case "insert":
		return slices.Concat(raw[:at], []byte(some), raw[at:])
	case "delete":
		end := min(len(raw), at+rapid.IntRange(1, 40).Draw(t, "octets"))
		return slices.Concat(raw[:at], raw[end:])
	case "swap":
		other := rapid.IntRange(0, len(raw)-1).Draw(t, "other")
		out := bytes.Clone(raw)
		out[at], out[other] = out[other], out[at]
		return out
	case "line":
		lines = slices.Delete(lines, line, line+1)
	case "double":
		lines = slices.Insert(lines, line, lines[line])
	case "exchange":
		other := rapid.IntRange(0, len(lines)-2).Draw(t, "other")
		lines[line], lines[other] = lines[other], lines[line]
	case "insert line":
		lines = slices.Insert(lines, line, []byte(some))
	}
	return bytes.Join(lines, nil)
}

// covered are the components that have to be those recorded where a message is as recorded: all but
// the way, and the octets and MIME fields of a body that a relay may re-pack.
func covered(d *message.Dissection) []string {
	var list []string
	for _, c := range d.Components() {
		switch c.Type {
		case message.Octets, message.MIME, message.Route, message.OriginatingAddress, message.SMTPVersion:
			continue
		}
		list = append(list, fmt.Sprintf("%s %d %x", c.Type, c.Index, c.Digest()))
	}
	return list
}

// TestEdited: whatever single change is made to a message that was recorded, it is as recorded only
// if all its components are.
func TestEdited(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawDraft(t)
		raw := d.render(rapid.Bool().Draw(t, "re-packed"))
		sent := message.Dissect(raw, d.to)
		arrived := message.Dissect(edit(t, raw), d.to)
		c := record.Compare(tokenOf(sent), arrived, record.Context{})
		if c.AllSame() && !slices.Equal(covered(sent), covered(arrived)) {
			t.Fatalf("as recorded, but\n%s\nand\n%s", strings.Join(covered(sent), "\n"), strings.Join(covered(arrived), "\n"))
		}
		if known := record.CompareMessages(sent, arrived, record.Context{}); known.AllSame() != c.AllSame() {
			t.Fatalf("by contents %v, by commitments %v:\n%s%s", known.AllSame(), c.AllSame(), table(known), table(c))
		}
		if c.AllSame() != (len(sameButExtras(c)) == 0) {
			t.Fatalf("all same %v:\n%s", c.AllSame(), table(c))
		}
		list := record.Context{Forwarder: &record.Forwarder{Domain: "b.example", Posting: "ann@b.example", List: true}}
		if c := record.Compare(tokenOf(sent), arrived, list); c.Forwarded() && c.Words("Jo") == "" {
			t.Fatal("forwarded without words")
		}
	})
}

// sameButExtras are the differences that keep a message from being as recorded.
func sameButExtras(c record.Comparison) []string {
	var list []string
	for _, p := range c.Parts {
		row, known := p.Type.Info()
		if p.Moved || p.Outcome != record.Same && (p.Outcome != record.Extra || !known || row.NoExtra) {
			list = append(list, p.String())
		}
	}
	return list
}

// TestGroundLabels: a field whose name was ground until its short label is one that was recorded
// decides as any other does.
func TestGroundLabels(t *testing.T) {
	d := message.Dissect([]byte("X-Mailer: a\r\nKeywords: b\r\nOrganization: c\r\nUser-Agent: d\r\nComments: e\r\n"+letter), nil)
	token := tokenOf(d)
	for _, prefix := range []string{"thread-", "resent-", "list-", "bimi-"} {
		name := ""
		for i := range 1 << 20 {
			name = fmt.Sprintf("%s%d", prefix, i)
			if token.Record.HasLabel(record.TagOf(secret, message.HintField+name, nil)) {
				break
			}
		}
		for _, more := range []string{"", "X-Mailer: z\r\n"} {
			raw := strings.Replace("X-Mailer: a\r\nKeywords: b\r\nOrganization: c\r\nUser-Agent: d\r\nComments: e\r\n"+letter, "X-Mailer: a\r\n", more, 1)
			arrived := message.Dissect([]byte(name+": https://evil.example/\r\n"+raw), nil)
			c := record.Compare(token, arrived, record.Context{})
			if c.AllSame() || c.MayBeWanted() || !slices.ContainsFunc(c.Parts, func(p record.Part) bool { return p.Field == name && p.Decides }) {
				t.Errorf("%s:\n%s", name, table(c))
			}
		}
	}
}

// TestContradictingTokens: a record that no message has is none of this one, whether the body is as
// it was sent or re-packed.
func TestContradictingTokens(t *testing.T) {
	d := draft{
		fields: [][2]string{{"From", "a@b.example"}, {"Date", "Sat, 21 Nov 2026 10:00:00 +0000"}, {"Subject", "x"}, {"Message-ID", "<1@b.example>"}},
		parts:  []draftPart{{"text/plain", "", "hello"}, {"application/x-a", "a.bin", "content"}},
		to:     []string{"ann@b.example"},
	}
	for name, add := range map[string]message.Component{
		"a name without an attachment":   message.NewComponent(message.AttachmentName, 5, message.Canonical, []byte("b.bin")),
		"octets without an attachment":   message.NewComponent(message.AttachmentOctets, 5, message.Canonical, []byte("b")),
		"two From":                       message.NewComponent(message.From, 1, message.Canonical, []byte("c@d.example")),
		"two bodies":                     message.NewComponent(message.Octets, 1, message.Canonical, []byte("x")),
		"two MIME":                       message.NewComponent(message.MIME, 1, message.Canonical, []byte("x")),
		"two Fields":                     message.NewComponent(message.Fields, 1, message.Canonical, []byte("x")),
		"a fifth text":                   message.NewComponent(message.Text, 4, message.Canonical, []byte("x")),
		"a fourth HTML":                  message.NewComponent(message.HTML, 3, message.Canonical, []byte("x")),
		"attachment 7":                   message.NewComponent(message.Attachment, 7, message.Canonical, []byte("x")),
		"a signature block too many":     message.NewComponent(message.SignatureBlock, 1, message.Canonical, []byte("x")),
		"a third layout":                 message.NewComponent(message.Layout, 2, message.Canonical, []byte("x")),
		"names of no field":              message.NewComponent(message.Names, 99, message.Canonical, []byte("x")),
		"names of a field without names": message.NewComponent(message.Names, uint16(message.From), message.Canonical, []byte("x")),
		"version 1's":                    message.NewComponent(message.FromName, 0, message.Canonical, []byte("x")),
		"unknown":                        message.NewComponent(99, 0, message.Canonical, []byte("x")),
		"a second way":                   message.NewComponent(message.Route, 1, message.Canonical, []byte("x")),
	} {
		sent := d.dissect(false)
		comps := append(sent.Components(), add)
		slices.SortStableFunc(comps, func(a, b message.Component) int {
			return int(a.Type)<<16 + int(a.Index) - int(b.Type)<<16 - int(b.Index)
		})
		token := tokenOf(sent)
		token.Record.Commitments = record.Commit(secret, comps)
		for _, repacked := range []bool{false, true} {
			c := record.Compare(token, d.dissect(repacked), record.Context{})
			if c.AllSame() || len(c.Differences()) == 0 {
				t.Errorf("%s, re-packed %v: as recorded\n%s", name, repacked, table(c))
			}
		}
	}
}

// TestRandomTokens: whatever a token commits to, the comparison ends, and no message is as recorded
// of which something is not in the record.
func TestRandomTokens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawDraft(t)
		sent := d.dissect(false)
		var comps []message.Component
		missing := false
		for _, c := range sent.Components() {
			if rapid.IntRange(0, 9).Draw(t, "keep") > 0 {
				comps = append(comps, c)
			} else if row, _ := c.Type.Info(); row.NoExtra && c.Type <= message.Fields {
				missing = true
			}
		}
		for range rapid.IntRange(0, 3).Draw(t, "more") {
			c := message.Component{Type: message.Type(rapid.IntRange(1, 127).Draw(t, "type")), Index: rapid.Uint16Range(0, 9).Draw(t, "index"), Reading: message.Canonical}
			comps = append(comps, c)
		}
		token := tokenOf(sent)
		token.Record.Commitments = record.Commit(secret, comps)
		token.Record.Tags = token.Record.Tags[:rapid.IntRange(0, len(token.Record.Tags)).Draw(t, "tags")]
		list := record.Context{Forwarder: &record.Forwarder{Domain: "b.example", Posting: "ann@b.example", List: true}, Banners: []string{"x"}}
		for _, with := range []record.Context{{}, list} {
			for _, repacked := range []bool{false, true} {
				c := record.Compare(token, d.dissect(repacked), with)
				c.Words("Jo")
				if missing && c.AllSame() {
					t.Fatalf("as recorded:\n%s", table(c))
				}
			}
		}
	})
}

// FuzzCompare: whatever was sent and whatever arrives, both comparisons end, agree on whether it is
// the same, and say what is not.
func FuzzCompare(f *testing.F) {
	f.Add([]byte(letter), []byte(letter))
	f.Add([]byte(letter), benchMail(4<<10))
	f.Add(benchMail(4<<10), repacked(benchMail(4<<10)))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		// Only a message that has a token tells its way before that from the way since.
		sent, arrived := message.Dissect(a, nil), message.Dissect(append([]byte(message.TokenHeader+": x\r\n"), b...), nil)
		list := record.Context{Forwarder: &record.Forwarder{Domain: "b.example", Posting: "ann@b.example", List: true}}
		for _, with := range []record.Context{{}, list} {
			c, known := record.Compare(tokenOf(sent), arrived, with), record.CompareMessages(sent, arrived, with)
			if c.AllSame() != known.AllSame() || c.AllSame() != (len(sameButExtras(c)) == 0) && c.Recorded > 0 {
				t.Fatalf("by commitments\n%sby contents\n%s", table(c), table(known))
			}
			c.Words("Jo")
			c.Quoted()
		}
	})
}
