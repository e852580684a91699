package derive_test

import (
	"encoding/binary"
	"fmt"
	"image"
	"maps"
	"math/bits"
	"strings"
	"testing"

	"cairn/mailstore/message"
	"cairn/mailstore/message/derive"
)

func TestAttachmentText(t *testing.T) {
	for _, tt := range []struct {
		name string
		part part
		want string
	}{
		{"plain", part{"text/plain; charset=utf-8", []byte("pay  480\r\nto\tBob\r\n")}, "pay 480 to Bob"},
		{"csv", part{"text/csv", []byte("bolt;0.12\nnut;0.07\n")}, "bolt;0.12 nut;0.07"},
		{"latin", part{"text/plain; charset=iso-8859-1", []byte("Gr\xfc\xdfe an M\xfcller")}, "Grüße an Müller"},
		{"decomposed", part{"text/plain; charset=utf-8", []byte("Mu\u0308ller")}, "Müller"},
		{"html", part{"text/html; charset=utf-8", []byte("<title>x</title><p>pay <b>4</b>80&nbsp;to</p><p>Bob<script>evil()</script><style>p{}</style>")}, "pay 480 to Bob"},
		{"docx", part{"application/vnd.openxmlformats-officedocument.wordprocessingml.document",
			docx(t, "<w:p><w:r><w:t>pay 4</w:t></w:r><w:r><w:t>80</w:t></w:r></w:p><w:p><w:instrText>HIDDEN</w:instrText><w:t>to&#x20;B&amp;ob</w:t></w:p>")}, "pay 480 to B&ob"},
		{"odt", part{"application/vnd.oasis.opendocument.text",
			archive(t, "mimetype", "x", "content.xml", "<office:body><text:p>pay 4<text:span>80</text:span></text:p><text:p>to<text:s/>Bob</text:p></office:body>")}, "pay 480 to Bob"},
		{"odd charset", part{"text/plain; charset=x-odd", []byte("caf\xe9")}, ""},
		{"broken zip", part{"application/zip", []byte("PK\x03\x04 and no more")}, ""},
		{"other zip", part{"application/zip", archive(t, "a.txt", "hello")}, ""},
		{"octets", part{"application/octet-stream", []byte("\x00\x01")}, ""},
	} {
		if got := derived(t, mail("text", 76, tt.part), message.AttachmentText)[0]; got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestLanguage(t *testing.T) {
	for want, text := range map[string]string{
		"en": english,
		"de": "Sehr geehrte Damen und Herren, im Anhang finden Sie die Zahlen des letzten Quartals. Wir freuen uns auf Ihre Antwort.",
		"fr": "Madame, Monsieur, vous trouverez ci-joint les chiffres du dernier trimestre. Nous attendons votre réponse avant la fin de la semaine.",
		"el": "Αγαπητοί συνάδελφοι, στο συνημμένο θα βρείτε τα στοιχεία του τελευταίου τριμήνου.",
		"ja": "お世話になっております。先月の売上報告書を添付しましたので、ご確認をお願いいたします。",
		"":   "480 x 19.50 = 9360.00",
	} {
		if got := derived(t, mail(text, 76), message.DetectedLanguage)[0]; got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	html := []byte("From: a@a.example\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>" + english + "</p>\r\n")
	if got := derived(t, html, message.DetectedLanguage)[0]; got != "en" {
		t.Errorf("HTML: %q", got)
	}
}

func TestTypeAndSize(t *testing.T) {
	raw := mail("text", 76, part{"Application/PDF", []byte("%PDF\x00\xff")}, part{"text/csv", []byte("a;b\r\n")}, part{"image/png", nil}, part{"image/gif", []byte("GIF")})
	if got, want := derived(t, raw, message.AttachmentType), map[uint16]string{0: "application/pdf", 1: "text/csv", 2: "image/png"}; !maps.Equal(got, want) {
		t.Errorf("types %v, want %v", got, want)
	}
	if got, want := derived(t, raw, message.AttachmentSize), map[uint16]string{0: "6", 1: "5", 3: "3"}; !maps.Equal(got, want) {
		t.Errorf("sizes %v, want %v", got, want)
	}
}

// TestManyAttachments: what has no component of its own is not derived from.
func TestManyAttachments(t *testing.T) {
	var parts []part
	for i := range 12 {
		kind := "application/x-other"
		if i >= 5 {
			kind = "text/csv"
		}
		parts = append(parts, part{kind, fmt.Appendf(nil, "row %d", i)})
	}
	want := map[uint16]string{5: "row 5", 6: "row 6"} // 7 to 11 share one component
	if got := derived(t, mail("text", 76, parts...), message.AttachmentText); !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestImageHash(t *testing.T) {
	img := picture(640, 480)
	hash := func(b []byte) uint64 {
		t.Helper()
		got := derived(t, mail("text", 76, part{"image/png", b}), message.ImageHash)[0]
		if len(got) != 8 {
			t.Fatalf("a hash of %d octets", len(got))
		}
		return binary.BigEndian.Uint64([]byte(got))
	}
	original := hash(asPNG(t, img))
	if n := bits.OnesCount64(original); n < 8 {
		t.Errorf("%016x has only %d bits set", original, n)
	}
	for _, quality := range []int{95, 75, 50, 30} {
		if n := bits.OnesCount64(original ^ hash(asJPEG(t, img, quality))); n > 2 {
			t.Errorf("quality %d turns %d bits", quality, n)
		}
	}
	if n := bits.OnesCount64(original ^ hash(asPNG(t, picture(320, 240)))); n > 2 {
		t.Errorf("half the size turns %d bits", n)
	}
	mirrored := image.NewRGBA(img.Bounds())
	for y := range 480 {
		for x := range 640 {
			mirrored.Set(x, y, img.At(639-x, y))
		}
	}
	if n := bits.OnesCount64(original ^ hash(asPNG(t, mirrored))); n < 10 {
		t.Errorf("another picture differs in %d bits only", n)
	}
}

// TestSameBothSides: what a relay re-packs is derived alike.
func TestSameBothSides(t *testing.T) {
	parts := []part{{"image/png", asPNG(t, picture(64, 48))}, {"text/csv", []byte("a;b\r\nc;d\r\n")}, {"application/vnd.oasis.opendocument.text", archive(t, "content.xml", "<text:p>words</text:p>")}}
	sent, arrived := mail(english, 76, parts...), mail(english, 60, parts...)
	total := 0
	for _, kind := range derive.Types() {
		a, b := derived(t, sent, kind), derived(t, arrived, kind)
		if !maps.Equal(a, b) {
			t.Errorf("%s: %v and %v", kind, a, b)
		}
		total += len(a)
	}
	if total != 1+2+1+3+3 {
		t.Errorf("%d components", total)
	}
}

func TestAppend(t *testing.T) {
	d := message.Dissect(mail(english, 76, part{"text/csv", []byte("a;b")}), nil)
	plain := d.Components()
	all := derive.Append(plain, d, derive.Types())
	if len(all) != len(plain)+4 {
		t.Errorf("%d components, %d before", len(all), len(plain))
	}
	for i := 1; i < len(all); i++ {
		if a, b := all[i-1], all[i]; a.Type > b.Type || a.Type == b.Type && a.Index >= b.Index {
			t.Errorf("%s %d before %s %d", a.Type, a.Index, b.Type, b.Index)
		}
	}
	if got := derive.Append(plain, d, nil); len(got) != len(plain) {
		t.Errorf("nothing asked for gave %d components", len(got)-len(plain))
	}
}

// TestRegistered: each derived type of the registry can be had by its name, and nothing else.
func TestRegistered(t *testing.T) {
	n := 0
	for _, row := range message.Registry() {
		got, ok := derive.ByName(row.Name)
		if ok != row.Type.Derived() || ok && got != row.Type {
			t.Errorf("%s: %v, %v", row.Name, got, ok)
		}
		if ok {
			n++
			if row.Max == 0 || row.NoExtra || row.Decisive || row.Counts {
				t.Errorf("%s decides something, or nothing can be recorded of it: %+v", row.Name, row)
			}
		}
	}
	if n != 5 || len(derive.Types()) != n {
		t.Errorf("%d derived types", n)
	}
	if _, ok := derive.Of(message.Dissect([]byte("a"), nil), 200); ok {
		t.Error("an unknown type was derived")
	}
	if strings.Contains(fmt.Sprint(derive.Types()), "type-") {
		t.Error(derive.Types())
	}
}
