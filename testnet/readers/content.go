package readers

import (
	"encoding/base64"
	"io"
	"mime"
	"mime/quotedprintable"
	"strings"

	"golang.org/x/text/encoding/htmlindex"
)

// decoded is the content of a leaf behind its transfer encoding; false if it is not well formed.
func (e *entity) decoded() (string, bool) {
	switch strings.ToLower(e.value("Content-Transfer-Encoding")) {
	case "", "7bit", "8bit", "binary":
		return e.body, true
	case "base64":
		b, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(e.body, crlf, ""))
		return string(b), err == nil
	case "quoted-printable":
		b, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(e.body)))
		return string(b), err == nil
	}
	return "", false
}

// encode gives a leaf a content under a transfer encoding.
func (e *entity) encode(content, encoding string) {
	switch encoding {
	case "base64":
		e.body = wrap(base64.StdEncoding.EncodeToString([]byte(content)), 76)
	case "quoted-printable":
		var b strings.Builder
		w := quotedprintable.NewWriter(&b)
		io.WriteString(w, content)
		w.Close()
		e.body = b.String()
	default:
		e.body = content
	}
	e.set("Content-Transfer-Encoding", encoding)
}

// wrap breaks s into lines of at most n octets.
func wrap(s string, n int) string {
	var b strings.Builder
	for ; len(s) > n; s = s[n:] {
		b.WriteString(s[:n] + crlf)
	}
	return b.String() + s
}

// charset is the label of a text leaf, in lower case.
func (e *entity) charset() string {
	_, parameters, err := mime.ParseMediaType(e.value("Content-Type"))
	if err != nil || parameters["charset"] == "" {
		return "us-ascii"
	}
	return strings.ToLower(parameters["charset"])
}

// text is the content of a text leaf as UTF-8; false if it does not fit its label.
func (e *entity) text() (string, bool) {
	content, ok := e.decoded()
	if !ok {
		return "", false
	}
	charset := e.charset()
	if charset == "us-ascii" {
		charset = "utf-8"
	}
	encoding, err := htmlindex.Get(charset)
	if err != nil {
		return "", false
	}
	s, err := encoding.NewDecoder().String(content)
	return s, err == nil && !strings.ContainsRune(s, '\ufffd')
}

// relabel gives a text leaf another charset label, and leaves its other parameters.
func (e *entity) relabel(label string) {
	value := e.value("Content-Type")
	if value == "" {
		value = "text/plain"
	}
	pieces := strings.Split(value, ";")
	kept := pieces[:1]
	for _, p := range pieces[1:] {
		if name, _, _ := strings.Cut(p, "="); !strings.EqualFold(strings.TrimSpace(name),
			"charset") {
			kept = append(kept, p)
		}
	}
	e.set("Content-Type", strings.Join(kept, ";")+"; charset="+label)
}
