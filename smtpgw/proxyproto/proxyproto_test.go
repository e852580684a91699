package proxyproto

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

const four = "\x11\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x02\xdc\x04\x00\x19"

var six = "\x21\x00\x24\x20\x01\x0d\xb8" + strings.Repeat("\x00", 11) + "\x01\x20\x01\x0d\xb8" + strings.Repeat("\x00", 11) + "\x02\xdc\x04\x00\x19"

func TestRead(t *testing.T) {
	const rest = "EHLO client.example\r\n"
	for _, tt := range []struct {
		name, text, from, to string
		err                  error
	}{
		{"v1 of IPv4", "PROXY TCP4 192.0.2.1 198.51.100.2 56324 25\r\n", "192.0.2.1:56324", "198.51.100.2:25", nil},
		{"v1 of IPv6", "PROXY TCP6 2001:db8::1 2001:db8::2 56324 25\r\n", "[2001:db8::1]:56324", "[2001:db8::2]:25", nil},
		{"v1 of the longest addresses", "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
			"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", nil},
		{"v1 of nobody knows whom", "PROXY UNKNOWN\r\n", "", "", nil},
		{"v1 of nobody knows whom, at length", "PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", "", "", nil},
		{"v2 of IPv4", signature + "\x21" + four, "192.0.2.1:56324", "198.51.100.2:25", nil},
		{"v2 of IPv6", signature + "\x21" + six, "[2001:db8::1]:56324", "[2001:db8::2]:25", nil},
		{"v2 with other values", signature + "\x21\x11\x00\x10" + four[3:] + "\x04\x00\x01x", "192.0.2.1:56324", "198.51.100.2:25", nil},
		{"v2 of the proxy itself", signature + "\x20" + four, "", "", nil},
		{"v2 of the proxy itself, alone", signature + "\x20\x00\x00\x00", "", "", nil},
		{"v2 of no family", signature + "\x21\x00\x00\x00", "", "", nil},

		{"none", rest, "", "", ErrNone},
		{"half a signature", signature[:11] + "x", "", "", ErrNone},
		{"v1 too long", "PROXY UNKNOWN " + strings.Repeat("x", 92) + "\r\n", "", "", ErrMalformed},
		{"v1 without CR", "PROXY TCP4 192.0.2.1 198.51.100.2 56324 25\n", "", "", ErrMalformed},
		{"v1 of the wrong family", "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n", "", "", ErrMalformed},
		{"v1 of both families", "PROXY TCP4 192.0.2.1 2001:db8::2 1 2\r\n", "", "", ErrMalformed},
		{"v1 with a zone", "PROXY TCP6 fe80::1%eth0 fe80::2 1 2\r\n", "", "", ErrMalformed},
		{"v1 with two blanks", "PROXY TCP4  192.0.2.1 198.51.100.2 1 2\r\n", "", "", ErrMalformed},
		{"v1 with a port too large", "PROXY TCP4 192.0.2.1 198.51.100.2 65536 2\r\n", "", "", ErrMalformed},
		{"v1 with a port of many digits", "PROXY TCP4 192.0.2.1 198.51.100.2 01 2\r\n", "", "", ErrMalformed},
		{"v1 of UDP", "PROXY UDP4 192.0.2.1 198.51.100.2 1 2\r\n", "", "", ErrMalformed},
		{"v2 of another version", signature + "\x11" + four, "", "", ErrMalformed},
		{"v2 of another command", signature + "\x22" + four, "", "", ErrMalformed},
		{"v2 of UDP", signature + "\x21\x12" + four[1:], "", "", ErrMalformed},
		{"v2 of a Unix socket", signature + "\x21\x31\x00\xd8" + strings.Repeat("x", 216), "", "", ErrMalformed},
		{"v2 with short addresses", signature + "\x21\x11\x00\x0bxxxxxxxxxxx", "", "", ErrMalformed},
		{"v2 that is too long", signature + "\x21\x11\x10\x01", "", "", ErrMalformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := strings.NewReader(tt.text + rest)
			h, err := Read(r)
			if !errors.Is(err, tt.err) {
				t.Fatalf("%v, want %v", err, tt.err)
			}
			if tt.from == "" && (h.From.IsValid() || h.To.IsValid()) || tt.from != "" && (h.From.String() != tt.from || h.To.String() != tt.to) {
				t.Errorf("from %s to %s", h.From, h.To)
			}
			if left, _ := io.ReadAll(r); err == nil && string(left) != rest {
				t.Errorf("left is %q", left)
			}
			for n := range len(tt.text) {
				if _, err := Read(strings.NewReader(tt.text[:n])); err == nil {
					t.Errorf("the first %d octets are a header", n)
				}
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("PROXY TCP4 192.0.2.1 198.51.100.2 56324 25\r\nEHLO a\r\n"))
	f.Add([]byte("PROXY UNKNOWN\r\n"))
	f.Add([]byte(signature + "\x21" + four))
	f.Add([]byte(signature + "\x21" + six))
	f.Add([]byte(signature + "\x20\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		h, err := Read(r)
		if read := len(b) - r.Len(); read > len(signature)+4+maxRest || err == nil && b[0] == 'P' && (read > maxLine || b[read-1] != '\n') {
			t.Errorf("%d octets are read", read)
		}
		if h.From.IsValid() != h.To.IsValid() || err != nil && h.From.IsValid() {
			t.Errorf("%+v, %v", h, err)
		}
	})
}
