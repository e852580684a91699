package readers

import (
	"slices"
	"strings"
)

// fieldEdits add, double, remove and rename fields.
func fieldEdits() []mutation {
	var list []mutation
	for _, f := range []string{
		"Reply-To: x@evil.example", "Sender: x@evil.example", "From: x@evil.example",
		"From: Boss <boss@orig.example>", "To: x@evil.example",
		"Cc: x@evil.example", "Bcc: x@evil.example", "Subject: evil", "Subject:",
		"Date: Mon, 11 Mar 2024 00:00:00 +0000", "Message-ID: <x@evil.example>",
		"In-Reply-To: <x@evil.example>", "References: <x@evil.example>",
		"Resent-From: x@evil.example", "Resent-Date: Mon, 11 Mar 2024 00:00:00 +0000",
		"Resent-Sender: x@evil.example", "Resent-To: x@evil.example",
		"Mail-Reply-To: x@evil.example", "Mail-Followup-To: x@evil.example",
		"Followup-To: x@evil.example", "Errors-To: x@evil.example",
		"Return-Receipt-To: x@evil.example", "Disposition-Notification-To: x@evil.example",
		"Importance: high", "Priority: urgent", "X-Priority: 1", "Sensitivity: private",
		"Expires: Mon, 11 Mar 2024 00:00:00 +0000", "Supersedes: <x@evil.example>",
		"List-Unsubscribe: <http://evil.example/>", "List-Id: <x.evil.example>",
		"List-Post: <mailto:x@evil.example>", "Archived-At: <http://evil.example/>",
		"Thread-Topic: evil", "Thread-Index: AQ==", "Auto-Submitted: auto-generated",
		"Precedence: bulk", "X-Face: x", "Face: iVBORw0KGgo=",
		"BIMI-Location: v=BIMI1; l=http://evil.example/",
		"Autocrypt: addr=x@evil.example; keydata=AA==", "Keywords: evil", "Comments: evil",
		"Organization: Evil", "Content-Class: urn:content-classes:calendarmessage",
		"Content-Language: fr", "Content-Description: evil", "Content-Disposition: attachment",
		"Content-Disposition: attachment; filename=x.txt",
		"Content-Transfer-Encoding: base64", "Content-Type: text/html", "X-Mozilla-Status: 0001",
		"Status: RO", "X-Spam-Flag: YES", "X-Mailer: Evil 1",
		"DKIM-Signature: v=1; a=rsa-sha256; d=evil.example; s=x; h=from; bh=; b=",
		"Apparently-From: x@evil.example", "X-Original-From: x@evil.example",
		"X-Unknown: evil", "Unknown: evil", "Content-Unknown: evil", "Lines: 1",
		"Content-Length: 10", "X-Sender: x@evil.example", "Delivered-To: x@evil.example",
	} {
		for _, where := range []string{"first", "last"} {
			list = append(list, tree("add-"+where+"-"+strings.ToLower(strings.ReplaceAll(f, " ", "_")), func(_ dice, root *entity) bool {
				if where == "first" {
					root.fields = append([]string{f + crlf}, root.fields...)
				} else {
					root.fields = append(root.fields, f+crlf)
				}
				return true
			}))
		}
	}
	for _, name := range []string{
		"From", "To", "Cc", "Reply-To", "Sender", "Subject", "Date", "Message-ID", "In-Reply-To",
		"References", "MIME-Version", "Content-Type",
		"Content-Transfer-Encoding", "Content-Disposition", "Content-Language", "List-Id",
		"List-Unsubscribe", "Importance", "X-Mailer", "Keywords",
		"Comments", "Auto-Submitted", "Precedence", "Thread-Index", "Disposition-Notification-To",
		"Autocrypt", "Resent-From", "X-Unknown", "Organization",
	} {
		list = append(list, tree("drop-"+strings.ToLower(name), func(_ dice, root *entity) bool { return root.drop(name) }))
	}
	return append(list,
		tree("double", func(d dice, root *entity) bool {
			root.fields = append(root.fields, one(d, root.fields))
			return true
		}),
		tree("double-other", func(d dice, root *entity) bool {
			i := d.IntN(len(root.fields))
			name, _, _ := strings.Cut(root.fields[i], ":")
			at := d.IntN(len(root.fields) + 1)
			root.fields = slices.Insert(root.fields, at, name+": evil <x@evil.example>\r\n")
			return true
		}),
		tree("rename", func(d dice, root *entity) bool {
			i := d.IntN(len(root.fields))
			_, rest, _ := strings.Cut(root.fields[i], ":")
			root.fields[i] = one(d, []string{"X-Old", "To", "Cc", "Bcc", "Sender", "Reply-To", "Comments", "Subject"}) + ":" + rest
			return true
		}),
		tree("exchange", func(d dice, root *entity) bool {
			i, j := d.IntN(len(root.fields)), d.IntN(len(root.fields))
			a, av, _ := strings.Cut(root.fields[i], ":")
			b, bv, _ := strings.Cut(root.fields[j], ":")
			root.fields[i], root.fields[j] = a+":"+bv, b+":"+av
			return i != j
		}),
	)
}

// headerLines break the grammar of header lines ("Composition Kills", section 5; RFC 5322, section
// 2.2).
func headerLines() []mutation {
	line := func(name, text string) mutation {
		return tree(name, func(d dice, root *entity) bool {
			at := d.IntN(len(root.fields) + 1)
			root.fields = slices.Insert(root.fields, at, text)
			return true
		})
	}
	edit := func(name string, change func(d dice, field, name, value string) string) mutation {
		return tree(name, func(d dice, root *entity) bool {
			i := d.IntN(len(root.fields))
			n, v, _ := strings.Cut(root.fields[i], ":")
			root.fields[i] = change(d, root.fields[i], n, v)
			return true
		})
	}
	insert := func(name, junk string) mutation {
		return edit(name, func(d dice, _, n, v string) string {
			at := 1 + d.IntN(max(1, len(v)-len(crlf)-1))
			return n + ":" + v[:at] + junk + v[at:]
		})
	}
	return []mutation{
		line("no-colon", "evil\r\n"), line("no-name", ": evil\r\n"), line("white-line", " \r\n"),
		line("tab-line", "\t\r\n"),
		line("fold-evil", " evil\r\n"), line("cr-line", "\r\r\n"),
		line("from-line", "From x@evil.example Sun Mar 10 10:44:31 2024\r\n"),
		line("quoted-from-line", ">From x@evil.example Sun Mar 10 10:44:31 2024\r\n"),
		line("8bit-name", "Fr\xf6m: x@evil.example\r\n"),
		line("space-in-name", "Sub ject: evil\r\n"),
		line("nul-name", "From\x00: x@evil.example\r\n"), line("nul-line", "\x00\r\n"),
		line("lf-only-blank", "\n"), line("cr-only-blank", "\r"),
		line("space-colon-from", "From : x@evil.example\r\n"),
		line("space-colon-subject", "Subject : evil\r\n"),
		line("tab-colon", "Reply-To\t: x@evil.example\r\n"),
		line("leading-space-from", " From: x@evil.example\r\n"),
		line("folded-name-from", "From\r\n : x@evil.example\r\n"),
		line("cr-from", "X: y\rFrom: x@evil.example\r\n"),
		line("lf-from", "X: y\nFrom: x@evil.example\r\n"),
		line("cr-subject", "X: y\rSubject: evil\r\n"), line("lf-blank-body", "X: y\n\nevil\r\n"),
		line("cr-blank-body", "X: y\r\revil\r\n"),
		line("lfcr", "X: y\n\rSubject: evil\r\n"), line("vt-subject", "X: y\vSubject: evil\r\n"),
		line("ff-subject", "X: y\fSubject: evil\r\n"),
		line("nel-subject", "X: y\u0085Subject: evil\r\n"),
		line("ls-subject", "X: y\u2028Subject: evil\r\n"), line("blank", "\r\n"),
		line("long", "X: "+strings.Repeat("x", 2000)+crlf),
		line("long-name", strings.Repeat("X", 300)+": y\r\n"),
		line("bom", "\ufeffSubject: evil\r\n"), line("nbsp-colon", "Subject\u00a0: evil\r\n"),
		line("dash-line", "--a1\r\n"), line("dot", ".\r\n"),
		line("fullwidth-colon", "Subject： evil\r\n"), line("quoted-name", "\"Subject\": evil\r\n"),
		insert("bare-cr", "\r"), insert("bare-lf", "\n"), insert("nul", "\x00"),
		insert("fold", "\r\n "), insert("fold-white", "\r\n \r\n "),
		insert("fold-tab-white", "\r\n\t\r\n\t"),
		insert("8bit", "\xe9"), insert("control", "\x01"), insert("vertical-tab", "\v"),
		insert("inject", "\r\nReply-To: x@evil.example\r\nX:"),
		insert("inject-lf", "\nReply-To: x@evil.example\nX:"),
		insert("end-of-header", "\r\n\r\n"), insert("backspace", "\b"), insert("escape", "\x1b[8m"),
		edit("space-before-colon", func(_ dice, _, n, v string) string { return n + " :" + v }),
		edit("tab-before-colon", func(_ dice, _, n, v string) string { return n + "\t:" + v }),
		edit("no-space-behind-colon", func(_ dice, _, n, v string) string { return n + ":" + strings.TrimLeft(v, " ") }),
		edit("many-spaces-behind-colon", func(_ dice, _, n, v string) string { return n + ":     " + v }),
		edit("tab-behind-colon", func(_ dice, _, n, v string) string { return n + ":\t" + v }),
		edit("fold-behind-colon", func(_ dice, _, n, v string) string { return n + ":\r\n" + v }),
		edit("white-fold-at-end", func(_ dice, f, _, _ string) string { return f + " \r\n" }),
		edit("leading-space", func(_ dice, f, _, _ string) string { return " " + f }),
		edit("colon-dropped", func(_ dice, _, n, v string) string { return n + v }),
		edit("lf-only", func(_ dice, f, _, _ string) string { return strings.TrimSuffix(f, crlf) + "\n" }),
		edit("cr-only", func(_ dice, f, _, _ string) string { return strings.TrimSuffix(f, crlf) + "\r" }),
		edit("name-8bit", func(_ dice, _, n, v string) string { return n + "\xe9:" + v }),
		edit("name-nul", func(_ dice, _, n, v string) string { return n + "\x00:" + v }),
		edit("name-cut", func(_ dice, _, n, v string) string { return n[:len(n)-1] + ":" + v }),
		edit("comment-name", func(_ dice, _, n, v string) string { return n + " (x):" + v }),
		{"first-line-from", func(_ dice, raw []byte) ([]byte, bool) {
			return append([]byte("From x@evil.example Sun Mar 10 10:44:31 2024\r\n"), raw...), true
		}},
		{"first-line-blank", func(_ dice, raw []byte) ([]byte, bool) { return append([]byte(crlf), raw...), true }},
		{"first-line-junk", func(_ dice, raw []byte) ([]byte, bool) { return append([]byte("junk\r\n"), raw...), true }},
		{"first-line-fold", func(_ dice, raw []byte) ([]byte, bool) { return append([]byte(" x\r\n"), raw...), true }},
		{"first-line-bom", func(_ dice, raw []byte) ([]byte, bool) { return append([]byte("\ufeff"), raw...), true }},
	}
}
