package readers

import (
	"strings"
)

// octets change single octets, anywhere.
func octets() []mutation {
	return []mutation{
		{"replace", func(d dice, raw []byte) ([]byte, bool) {
			out := append([]byte(nil), raw...)
			out[d.IntN(len(out))] = byte(d.IntN(256))
			return out, true
		}},
		{"replace-printable", func(d dice, raw []byte) ([]byte, bool) {
			out := append([]byte(nil), raw...)
			out[d.IntN(len(out))] = byte(32 + d.IntN(95))
			return out, true
		}},
		{"insert", func(d dice, raw []byte) ([]byte, bool) {
			at := d.IntN(len(raw) + 1)
			return append(append(append([]byte(nil), raw[:at]...), byte(d.IntN(256))),
				raw[at:]...), true
		}},
		{"insert-special", func(d dice, raw []byte) ([]byte, bool) {
			at := d.IntN(len(raw) + 1)
			return append(append(append([]byte(nil), raw[:at]...), one(d,
				[]byte("\r\n\t \"\\();:=?<>@,-\x00"))), raw[at:]...), true
		}},
		{"delete", func(d dice, raw []byte) ([]byte, bool) {
			at := d.IntN(len(raw))
			return append(append([]byte(nil), raw[:at]...), raw[at+1:]...), true
		}},
		{"transpose", func(d dice, raw []byte) ([]byte, bool) {
			if len(raw) < 2 {
				return nil, false
			}
			out := append([]byte(nil), raw...)
			at := d.IntN(len(out) - 1)
			out[at], out[at+1] = out[at+1], out[at]
			return out, true
		}},
		{"case", func(d dice, raw []byte) ([]byte, bool) {
			out := append([]byte(nil), raw...)
			for range 100 {
				if at := d.IntN(len(out)); out[at]|0x20 >= 'a' && out[at]|0x20 <= 'z' {
					out[at] ^= 0x20
					return out, true
				}
			}
			return nil, false
		}},
		{"line-dropped", func(d dice, raw []byte) ([]byte, bool) {
			lines := strings.SplitAfter(string(raw), "\n")
			at := d.IntN(len(lines))
			return []byte(strings.Join(append(append([]string(nil), lines[:at]...),
				lines[at+1:]...), "")), true
		}},
		{"line-doubled", func(d dice, raw []byte) ([]byte, bool) {
			lines := strings.SplitAfter(string(raw), "\n")
			at := d.IntN(len(lines))
			return []byte(strings.Join(append(append([]string(nil), lines[:at+1]...),
				lines[at:]...), "")), true
		}},
		{"lines-transposed", func(d dice, raw []byte) ([]byte, bool) {
			lines := strings.SplitAfter(string(raw), "\n")
			if len(lines) < 3 {
				return nil, false
			}
			at := d.IntN(len(lines) - 2)
			lines[at], lines[at+1] = lines[at+1], lines[at]
			return []byte(strings.Join(lines, "")), true
		}},
		{"cut", func(d dice, raw []byte) ([]byte, bool) {
			if len(raw) < 3 {
				return nil, false
			}
			return raw[:len(raw)-1-d.IntN(min(len(raw)-2, 200))], true
		}},
		{"lf", func(_ dice, raw []byte) ([]byte, bool) {
			return []byte(strings.ReplaceAll(string(raw), crlf, "\n")), true
		}},
	}
}
