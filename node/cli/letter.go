package cli

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"net/http"
	netmail "net/mail"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/emersion/go-message/mail"

	"cairn/node/membership"
)

// letter is a mail as the flags of send describe it.
type letter struct {
	from    string
	to, cc  []string
	subject string
	text    []byte
	attach  []string // files
	date    time.Time
}

// compose gives the message, its lines ending in CRLF. The gateway adds what is missing, as the
// Message-ID.
func (l *letter) compose() ([]byte, error) {
	if !utf8.Valid(l.text) {
		return nil, fmt.Errorf("the text is not UTF-8: convert it, or send a whole message with --raw")
	}
	var h mail.Header
	h.SetDate(l.date)
	for _, list := range []struct {
		field  string
		values []string
	}{{"From", []string{l.from}}, {"To", l.to}, {"Cc", l.cc}} {
		var all []*mail.Address
		for _, v := range list.values {
			found, err := addresses(v)
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
		}
		if len(all) > 0 {
			h.SetAddressList(list.field, all)
		}
	}
	if l.subject != "" {
		h.SetSubject(line(l.subject, 0))
	}
	h.AddRaw([]byte("MIME-Version: 1.0\r\n")) // as spelled here: filters count Mime-Version against a mail
	var b bytes.Buffer
	if len(l.attach) == 0 {
		h.SetContentType("text/plain", map[string]string{"charset": "utf-8"})
		h.Set("Content-Transfer-Encoding", "quoted-printable")
		w, err := mail.CreateSingleInlineWriter(&b, h)
		if err != nil {
			return nil, err
		}
		_, err = w.Write(crlf(l.text))
		return finish(&b, w, err)
	}
	w, err := mail.CreateWriter(&b, h)
	if err != nil {
		return nil, err
	}
	if err := l.writeParts(w); err != nil {
		return nil, err
	}
	return finish(&b, w, nil)
}

func finish(b *bytes.Buffer, w io.Closer, err error) ([]byte, error) {
	if closed := w.Close(); err == nil {
		err = closed
	}
	return b.Bytes(), err
}

func (l *letter) writeParts(w *mail.Writer) error {
	var h mail.InlineHeader
	h.SetContentType("text/plain", map[string]string{"charset": "utf-8"})
	text, err := w.CreateSingleInline(h)
	if err != nil {
		return err
	}
	if _, err := text.Write(crlf(l.text)); err != nil {
		return err
	}
	if err := text.Close(); err != nil {
		return err
	}
	for _, file := range l.attach {
		content, err := readFile(file, maxRead)
		if err != nil {
			return fmt.Errorf("attaching: %w", err)
		}
		var h mail.AttachmentHeader
		h.SetFilename(filepath.Base(file))
		kind := mime.TypeByExtension(filepath.Ext(file))
		if kind == "" {
			kind = http.DetectContentType(content)
		}
		if t, params, err := mime.ParseMediaType(kind); err == nil {
			h.SetContentType(t, params)
		}
		h.Set("Content-Transfer-Encoding", "base64") // also of text: files arrive byte for byte
		part, err := w.CreateAttachment(h)
		if err != nil {
			return err
		}
		if _, err := part.Write(content); err != nil {
			return err
		}
		if err := part.Close(); err != nil {
			return err
		}
	}
	return nil
}

// addresses reads one or more mail addresses, with or without names (RFC 5322, section 3.4),
// domains in any form.
func addresses(s string) ([]*mail.Address, error) {
	list, err := netmail.ParseAddressList(s)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", s, err)
	}
	all := make([]*mail.Address, len(list))
	for i, a := range list {
		at := strings.LastIndexByte(a.Address, '@')
		domain, err := membership.CanonicalDomain(a.Address[at+1:])
		if err != nil {
			return nil, fmt.Errorf("%q: %w", s, err)
		}
		all[i] = &mail.Address{Name: a.Name, Address: a.Address[:at+1] + domain}
	}
	return all, nil
}
