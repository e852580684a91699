package derive_test

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"testing"

	"cairn/mailstore/message"
	"cairn/mailstore/message/derive"
)

// part is an attachment of a test message.
type part struct {
	kind string
	body []byte
}

// mail is a message with a text and attachments, in base64 with lines of that width.
func mail(text string, width int, parts ...part) []byte {
	var b bytes.Buffer
	b.WriteString("From: a@a.example\r\nSubject: s\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n")
	fmt.Fprintf(&b, "--o\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n%s\r\n", text)
	for i, p := range parts {
		fmt.Fprintf(&b, "--o\r\nContent-Type: %s\r\nContent-Disposition: attachment; filename=f%d\r\nContent-Transfer-Encoding: base64\r\n\r\n", p.kind, i)
		for code := base64.StdEncoding.EncodeToString(p.body); code != ""; {
			n := min(width, len(code))
			b.WriteString(code[:n] + "\r\n")
			code = code[n:]
		}
	}
	b.WriteString("--o--\r\n")
	return b.Bytes()
}

// derived returns the contents of one type by index.
func derived(t testing.TB, raw []byte, kind message.Type) map[uint16]string {
	t.Helper()
	list, ok := derive.Of(message.Dissect(raw, nil), kind)
	if !ok {
		t.Fatalf("%s could not be derived", kind)
	}
	found := map[uint16]string{}
	for _, c := range list {
		found[c.Index] = string(c.Content())
	}
	return found
}

// picture paints a scene: a sky, a sun, hills, and grain as a camera has it.
func picture(w, h int) image.Image {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	seed := uint32(1)
	for y := range h {
		for x := range w {
			seed = seed*1664525 + 1013904223
			grain := int(seed>>24)%9 - 4
			r, g, b := 90+100*y/h, 130+60*y/h, 220-40*x/w
			if dx, dy := x-w/4, y-h/4; dx*dx+dy*dy < w*h/40 {
				r, g, b = 250, 230, 120
			}
			if y > h/2+(x*3%w)*h/(5*w) {
				r, g, b = 40+80*x/w, 110, 30
			}
			img.Set(x, y, color.RGBA{clamp(r + grain), clamp(g + grain), clamp(b + grain), 255})
		}
	}
	return img
}

func clamp(v int) uint8 { return uint8(min(max(v, 0), 255)) }

func asPNG(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asJPEG(t testing.TB, img image.Image, quality int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// archive is a zip of entries, given as name and content in turn.
func archive(t testing.TB, entries ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(entries); i += 2 {
		w, err := z.Create(entries[i])
		if err == nil {
			_, err = w.Write([]byte(entries[i+1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func docx(t testing.TB, xml string) []byte {
	return archive(t, "[Content_Types].xml", "<Types/>", "word/document.xml", "<w:document><w:body>"+xml+"</w:body></w:document>")
}

const english = "Dear colleague, please find the figures of the last quarter in the attachment. We would like to hear from you before the end of the week."

type colour = color.Color

var black, white colour = color.Black, color.White
