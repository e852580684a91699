package readers

import (
	"mime"
	"slices"
	"strings"
)

// honestFields is what relays do to headers.
func honestFields() []mutation {
	return []mutation{
		folded("fold", "\r\n "), folded("fold-tab", "\r\n\t"),
		tree("unfold", func(d dice, root *entity) bool {
			for i, f := range root.fields {
				if strings.Contains(strings.TrimSuffix(f, crlf), crlf) {
					root.fields[i] = strings.ReplaceAll(strings.TrimSuffix(f, crlf), crlf,
						"") + crlf
					return true
				}
			}
			return false
		}),
		trace("received", "Received: from a.example by b.example; Sun, 10 Mar 2024 10:45:00 +0000"),
		trace("return-path", "Return-Path: <ana@orig.example>"),
		trace("authentication-results", "Authentication-Results: b.example; spf=pass"),
		tree("record-unfolded", func(d dice, root *entity) bool {
			root.fields = slices.Insert(root.fields, 0, longRecord(d))
			return true
		}),
		tree("name-case", func(d dice, root *entity) bool {
			i := d.IntN(len(root.fields))
			name, rest, _ := strings.Cut(root.fields[i], ":")
			root.fields[i] = one(d, []func(string) string{strings.ToUpper,
				strings.ToLower})(name) + ":" + rest
			return true
		}),
		tree("reordered", func(d dice, root *entity) bool {
			d.Shuffle(len(root.fields), func(i, j int) {
				root.fields[i],
					root.fields[j] = root.fields[j], root.fields[i]
			})
			return true
		}),
		tree("domain-case", func(d dice, root *entity) bool {
			i := root.index(one(d, []string{"From", "To", "Cc"}))
			if i < 0 {
				return false
			}
			root.fields[i] = strings.ReplaceAll(root.fields[i], ".example", ".EXAMPLE")
			return true
		}),
		replaceField("subject-reencoded", "Subject", func(_ dice, value string) string {
			return reencode(value)
		}),
		replaceField("from-reencoded", "From", func(_ dice, value string) string {
			return reencode(value)
		}),
		tree("date-spelling", func(d dice, root *entity) bool {
			i := root.index("Date")
			if i < 0 {
				return false
			}
			root.fields[i] = strings.NewReplacer("Sun, ", "", "+0000",
				"-0000").Replace(root.fields[i])
			return true
		}),
		tree("date-other-zone", func(d dice, root *entity) bool {
			i := root.index("Date")
			if i < 0 {
				return false
			}
			root.fields[i] = strings.Replace(root.fields[i], "10:44:31 +0000", "11:44:31 +0100", 1)
			return true
		}),
		tree("trailing-white", func(d dice, root *entity) bool {
			i := d.IntN(len(root.fields))
			if i == root.index("Content-Transfer-Encoding") { // Python knows no "base64 "
				return false
			}
			root.fields[i] = strings.TrimSuffix(root.fields[i], crlf) + " " + crlf
			return true
		}),
	}
}

// trace is a field that a relay puts on top.
func trace(name, field string) mutation {
	return tree(name, func(_ dice, root *entity) bool {
		root.fields = slices.Insert(root.fields, 0, field+crlf)
		return true
	})
}

// folded is a field with a line break where there was a space.
func folded(name, fold string) mutation {
	return tree(name, func(d dice, root *entity) bool {
		i := d.IntN(len(root.fields))
		head, value, _ := strings.Cut(strings.TrimSuffix(root.fields[i], crlf), ": ")
		at := strings.Index(value, " ")
		if at <= 0 || strings.Contains(value[:at], crlf) {
			return false
		}
		root.fields[i] = head + ": " + value[:at] + fold + value[at+1:] + crlf
		return true
	})
}

// reencode writes encoded words in the other encoding, as UTF-8.
func reencode(value string) string {
	begin, end := strings.Index(value, "=?"), strings.Index(value, "?=")
	if begin < 0 || end < begin {
		return ""
	}
	decoded := clientWords(value[begin : end+2])
	encoder := mime.QEncoding
	if strings.Contains(strings.ToLower(value), "?q?") {
		encoder = mime.BEncoding
	}
	return value[:begin] + encoder.Encode("utf-8", decoded) + value[end+2:]
}

// longRecord is a record in one line, a blank for each fold. Its length is at random or one at
// which buffers of programs end.
func longRecord(d dice) string {
	line, n := "Cairn-Record:", 1000+d.IntN(4000)
	if d.IntN(2) == 0 {
		n = one(d, []int{998, 1000, 1024, 2048, 4096, 8192}) - 2 + d.IntN(5)
	}
	for len(line) < n {
		line += " "
		for range min(75, n-len(line)) {
			line += string(one(d, []byte("AbzZ09-_")))
		}
	}
	return line + crlf
}
