package readers

import (
	"slices"
	"strings"
)

// fieldEdits add, remove, double, rename and exchange fields.
func fieldEdits() []mutation {
	return slices.Concat(addedFields(), droppedFields(), []mutation{
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
			root.fields[i] = one(d, []string{"X-Old", "To", "Cc", "Bcc", "Sender", "Reply-To",
				"Comments", "Subject"}) + ":" + rest
			return true
		}),
		tree("exchange", func(d dice, root *entity) bool {
			i, j := d.IntN(len(root.fields)), d.IntN(len(root.fields))
			a, av, _ := strings.Cut(root.fields[i], ":")
			b, bv, _ := strings.Cut(root.fields[j], ":")
			root.fields[i], root.fields[j] = a+":"+bv, b+":"+av
			return i != j
		}),
	})
}

// addedFields are one field more each, above all others or below.
func addedFields() []mutation {
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
			list = append(list, tree("add-"+where+"-"+strings.ToLower(strings.ReplaceAll(f, " ",
				"_")), func(_ dice, root *entity) bool {
				if where == "first" {
					root.fields = append([]string{f + crlf}, root.fields...)
				} else {
					root.fields = append(root.fields, f+crlf)
				}
				return true
			}))
		}
	}
	return list
}

// droppedFields are one field less each.
func droppedFields() []mutation {
	var list []mutation
	for _, name := range []string{
		"From", "To", "Cc", "Reply-To", "Sender", "Subject", "Date", "Message-ID", "In-Reply-To",
		"References", "MIME-Version", "Content-Type",
		"Content-Transfer-Encoding", "Content-Disposition", "Content-Language", "List-Id",
		"List-Unsubscribe", "Importance", "X-Mailer", "Keywords",
		"Comments", "Auto-Submitted", "Precedence", "Thread-Index", "Disposition-Notification-To",
		"Autocrypt", "Resent-From", "X-Unknown", "Organization",
	} {
		list = append(list, tree("drop-"+strings.ToLower(name), func(_ dice, root *entity) bool {
			return root.drop(name)
		}))
	}
	return list
}
