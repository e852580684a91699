package verifier

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"cairn/consensus/chain/chaintest"
	"cairn/consensus/record"
	"cairn/consensus/recorder"
	"cairn/mailstore/message"
	"cairn/mailstore/message/derive"
)

// withFile is a letter with an attachment, in base64 with lines of that width.
func withFile(kind string, file []byte, width int) []byte {
	var b strings.Builder
	b.Write(bytes.TrimSuffix(letter(writerOrg1, "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=o\r\n", ""), []byte("\r\n")))
	fmt.Fprintf(&b, "--o\r\nContent-Type: text/plain\r\n\r\nSee the file.\r\n--o\r\nContent-Type: %s; name=f\r\nContent-Transfer-Encoding: base64\r\n\r\n", kind)
	for code := base64.StdEncoding.EncodeToString(file); code != ""; {
		n := min(width, len(code))
		b.WriteString(code[:n] + "\r\n")
		code = code[n:]
	}
	b.WriteString("--o--\r\n")
	return []byte(b.String())
}

const writerOrg1 = "ben@org1.example"

// scene is a picture of some discs; a second one has them elsewhere.
func scene(shift int) image.Image {
	img := image.NewGray(image.Rect(0, 0, 320, 240))
	for y := range 240 {
		for x := range 320 {
			v := 40 + y/3
			for i := range 5 {
				if dx, dy := x-(37+61*i+shift*(i%3))%320, y-(50+shift+43*i)%240; dx*dx+dy*dy < 900 {
					v = 230 - 15*i
				}
			}
			img.Set(x, y, color.Gray{uint8(v)})
		}
	}
	return img
}

func encoded(t *testing.T, img image.Image, quality int) []byte {
	t.Helper()
	var b bytes.Buffer
	err := png.Encode(&b, img)
	if quality > 0 {
		b.Reset()
		err = jpeg.Encode(&b, img, &jpeg.Options{Quality: quality})
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestDerived: what the record has of derived components is derived from what arrived and compared.
// It explains, and decides nothing.
func TestDerived(t *testing.T) {
	w := newWorld(t, setting{pins: []int{0}, cfg: Config{Context: record.Context{Derive: derive.Of}}})
	picture := encoded(t, scene(0), 0)
	html := []byte("<p>pay 480 to <b>Bob</b></p>")
	for _, tt := range []struct {
		name          string
		sent, arrived []byte
		verdict       record.Verdict
		says          []string
		parts         string
	}{
		{"as sent", withFile("image/png", picture, 76), withFile("image/png", picture, 76), record.Verified, nil,
			"detected-language:- image-hash:same attachment-type:same attachment-size:same"},
		{"re-packed", withFile("image/png", picture, 76), withFile("image/png", picture, 60), record.Verified, nil,
			"image-hash:same attachment-type:same attachment-size:same"},
		{"compressed again", withFile("image/png", picture, 76), withFile("image/jpeg", encoded(t, scene(0), 60), 76), record.Differs,
			[]string{"attachment: differs, though the picture looks alike at a glance", "attachment-size: differs"},
			"attachment:changed attachment-type:changed attachment-size:changed"},
		{"another picture", withFile("image/png", picture, 76), withFile("image/png", encoded(t, scene(90), 0), 76), record.Differs,
			[]string{"attachment: differs from what", "image-hash: differs from what"}, "image-hash:changed attachment-type:same"},
		{"no picture any more", withFile("image/png", picture, 76), withFile("image/png", []byte("\x00none"), 76), record.Differs,
			[]string{"image-hash: cannot be derived"}, "image-hash:absent"},
		{"other HTML", withFile("text/html", html, 76), withFile("text/html", append([]byte("<div>"), html...), 76), record.Differs,
			[]string{"attachment: differs, though its words are the same"}, "attachment-text:same"},
		{"other words", withFile("text/html", html, 76), withFile("text/html", bytes.Replace(html, []byte("480"), []byte("980"), 1), 76), record.Differs,
			[]string{"attachment: differs from what", "attachment-text: differs"}, "attachment-text:changed"},
	} {
		secret := record.Secret{1}
		draft := recorder.NewDraft(secret, tt.sent, []string{ann}, record.Wish{Derive: derive.Types()}, chaintest.GenesisTime)
		token := w.token(0, draft).Header()
		w.include(0)
		f, err := w.v.Inspect(context.Background(), append(token, tt.arrived...), []string{ann})
		w.must(err)
		if f.Verdict != tt.verdict {
			t.Errorf("%s: %s %q, want %s", tt.name, f.Verdict, f.Reasons, tt.verdict)
		}
		for _, says := range tt.says {
			if !strings.Contains(strings.Join(f.Reasons, "\n"), says) {
				t.Errorf("%s: %q not in %q", tt.name, says, f.Reasons)
			}
		}
		outcome := map[string]record.Outcome{}
		for _, p := range f.Facts.Comparison.Parts {
			outcome[p.Type.String()] = p.Outcome
			if p.Type.Derived() && p.Decides {
				t.Errorf("%s: %s decides", tt.name, p)
			}
		}
		for _, part := range strings.Fields(tt.parts) {
			if name, want, _ := strings.Cut(part, ":"); string(outcome[name]) != strings.Trim(want, "-") {
				t.Errorf("%s: %s is %q, want %s", tt.name, name, outcome[name], want)
			}
		}
	}
}

// TestDerivedElsewhere: a node that derives otherwise, or not at all, comes to the same verdict.
func TestDerivedElsewhere(t *testing.T) {
	raw := withFile("image/png", encoded(t, scene(0), 0), 76)
	for name, other := range map[string]func(*message.Dissection, message.Type) ([]message.Component, bool){
		"nothing": nil,
		"unknown": func(*message.Dissection, message.Type) ([]message.Component, bool) { return nil, false },
		"none":    func(*message.Dissection, message.Type) ([]message.Component, bool) { return nil, true },
		"otherwise": func(_ *message.Dissection, t message.Type) ([]message.Component, bool) {
			return []message.Component{message.NewComponent(t, 0, message.Canonical, []byte("else"))}, true
		},
	} {
		w := newWorld(t, setting{pins: []int{0}, cfg: Config{Context: record.Context{Derive: other}}})
		draft := recorder.NewDraft(record.Secret{1}, raw, []string{ann}, record.Wish{Derive: derive.Types()}, chaintest.GenesisTime)
		token := w.token(0, draft).Header()
		w.include(0)
		for _, width := range []int{76, 60} {
			arrived := withFile("image/png", encoded(t, scene(0), 0), width)
			f, err := w.v.Inspect(context.Background(), append(bytes.Clone(token), arrived...), []string{ann})
			w.must(err)
			if f.Verdict != record.Verified {
				t.Errorf("%s, %d: %s %q", name, width, f.Verdict, f.Reasons)
			}
		}
	}
}
