package derive_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"image"
	"runtime"
	"strings"
	"testing"

	"cairn/mailstore/message"
	"cairn/mailstore/message/derive"
)

// claimed is a PNG whose header claims a size that its octets do not have.
func claimed(w, h uint32, depth byte) []byte {
	b := []byte("\x89PNG\r\n\x1a\n")
	chunk := func(kind string, data []byte) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(data)))
		at := len(b)
		b = append(append(b, kind...), data...)
		b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[at:]))
	}
	header := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, w), h)
	chunk("IHDR", append(header, depth, 2, 0, 0, 0))
	chunk("IDAT", []byte{0x78, 0x9c, 1, 0, 0, 0xff, 0xff})
	chunk("IEND", nil)
	return b
}

// TestHostilePictures: what claims to be large is not decoded, and costs next to nothing.
func TestHostilePictures(t *testing.T) {
	scans := asJPEG(t, picture(64, 48), 80)
	scans = append(scans[:len(scans)-2], bytes.Repeat(scans[len(scans)-200:len(scans)-2], 1)...)
	for range 40 {
		scans = append(scans, 0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0)
	}
	huge := asPNG(t, image.NewPaletted(image.Rect(0, 0, 4096, 4096), []colour{black, white}))
	for _, tt := range []struct {
		name string
		b    []byte
	}{
		{"100,000 squared", claimed(100_000, 100_000, 8)},
		{"a line", claimed(1<<31-1, 16, 8)},
		{"a column", claimed(16, 1<<31-1, 8)},
		{"16 megapixels in some octets", claimed(4096, 4096, 8)},
		{"flat and large", huge},
		{"too many scans", scans},
		{"tiny", asPNG(t, picture(8, 8))},
		{"flat", asPNG(t, image.NewGray(image.Rect(0, 0, 64, 64)))},
		{"cut", asPNG(t, picture(64, 48))[:300]},
		{"GIF of nothing", []byte("GIF89a\xff\xff\xff\xff\x80\x00\x00")},
		{"JPEG of nothing", []byte("\xff\xd8\xff\xc0\x00\x0b\x08\xff\xff\xff\xff\x01\x01\x11\x00")},
	} {
		raw := mail("text", 76, part{"image/png", tt.b})
		d := message.Dissect(raw, nil)
		d.Body()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		list, ok := derive.Of(d, message.ImageHash)
		runtime.ReadMemStats(&after)
		if !ok || len(list) > 0 {
			t.Errorf("%s: %v, %v", tt.name, list, ok)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 2<<20+10*uint64(len(raw)) {
			t.Errorf("%s takes %d octets of memory", tt.name, used)
		}
	}
}

// TestPictureRoom: the pixels of all pictures of a message count together.
func TestPictureRoom(t *testing.T) {
	large := part{"image/jpeg", asJPEG(t, picture(1800, 1200), 60)} // 2.2 megapixels
	if got := derived(t, mail("text", 76, large, large, large), message.ImageHash); len(got) != 2 {
		t.Errorf("%d pictures of 2.2 megapixels were decoded", len(got))
	}
}

// TestZipBombs: only what holds the text is opened, and only if it is small.
func TestZipBombs(t *testing.T) {
	bomb := strings.Repeat("<w:t>a</w:t> ", 1<<20)
	entries := []string{"word/document.xml", "<w:t>words</w:t>"}
	for range 2100 {
		entries = append(entries, "x", "")
	}
	lie := docx(t, bomb)
	size := binary.LittleEndian.AppendUint32(nil, uint32(len(bomb)+len("<w:document><w:body></w:body></w:document>")))
	lie = bytes.ReplaceAll(lie, size, []byte{200, 0, 0, 0})
	for name, b := range map[string][]byte{
		"large":        docx(t, bomb),
		"lying":        lie,
		"many entries": archive(t, entries...),
		"elsewhere":    archive(t, "word/media/image1.png", bomb),
		"inside":       archive(t, "a.zip", string(docx(t, "<w:t>inner</w:t>"))),
		"cut":          docx(t, "<w:t>words</w:t>")[:100],
	} {
		var before, after runtime.MemStats
		d := message.Dissect(mail("text", 76, part{"application/zip", b}), nil)
		d.Body()
		runtime.ReadMemStats(&before)
		list, ok := derive.Of(d, message.AttachmentText)
		runtime.ReadMemStats(&after)
		if !ok || len(list) > 0 {
			t.Errorf("%s: %d components, %v", name, len(list), ok)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20 {
			t.Errorf("%s takes %d octets of memory", name, used)
		}
	}
	if got := derived(t, mail("text", 76, part{"application/zip", archive(t, entries[:3900]...)}), message.AttachmentText)[0]; got != "words" {
		t.Errorf("1,950 entries: %q", got)
	}
}

// costly are the largest attachments that are looked at.
func costly(tb testing.TB) map[string]part {
	return map[string]part{
		"picture":   {"image/jpeg", asJPEG(tb, picture(2800, 2800), 75)},
		"HTML":      {"text/html; charset=utf-8", []byte(strings.Repeat("<p>pay &amp; <b>go</b> ", 1<<20/23))},
		"comments":  {"text/html; charset=utf-8", []byte(strings.Repeat("<!--", 1<<18-1))},
		"open tags": {"text/html; charset=utf-8", []byte(strings.Repeat("<a b=", 170_000))},
		"document":  {"application/zip", docx(tb, strings.Repeat("<w:t>a</w:t>", 80_000))},
	}
}

// TestDeriveCost bounds what the largest take in memory, and with it their work.
func TestDeriveCost(t *testing.T) {
	for name, p := range costly(t) {
		d := message.Dissect(mail(english, 76, p), nil)
		d.Body()
		for _, kind := range derive.Types() {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			derive.Of(d, kind)
			runtime.ReadMemStats(&after)
			if used := after.TotalAlloc - before.TotalAlloc; used > 64<<20 {
				t.Errorf("%s of %s takes %d octets of memory", kind, name, used)
			}
		}
	}
}

func BenchmarkDerive(b *testing.B) {
	for name, p := range costly(b) {
		d := message.Dissect(mail(english, 76, p), nil)
		d.Body()
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				for _, kind := range derive.Types() {
					derive.Of(d, kind)
				}
			}
		})
	}
}

func FuzzImageHash(f *testing.F) {
	f.Add(asPNG(f, picture(24, 24)))
	f.Add(asJPEG(f, picture(24, 24), 70))
	f.Add(claimed(100_000, 100_000, 8))
	f.Add([]byte("GIF89a\x10\x00\x10\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x10\x00\x10\x00\x00\x02\x02D\x01\x00;"))
	fuzz(f, message.ImageHash, "image/png")
}

func FuzzAttachmentText(f *testing.F) {
	f.Add([]byte("<p>a<script>b</script>&amp;"))
	fuzz(f, message.AttachmentText, "text/html; charset=utf-8")
}

func FuzzDocument(f *testing.F) {
	f.Add(docx(f, "<w:p><w:t>words</w:t></w:p>"))
	f.Add(archive(f, "content.xml", "<text:p>words</text:p>"))
	fuzz(f, message.AttachmentText, "application/zip")
}

func FuzzTypeAndSize(f *testing.F) {
	f.Add([]byte("a;b\n"))
	fuzz(f, message.AttachmentSize, "text/csv")
}

func FuzzLanguage(f *testing.F) {
	f.Add([]byte(english))
	f.Fuzz(func(t *testing.T, text []byte) { check(t, mail(string(text), 76), message.DetectedLanguage) })
}

func fuzz(f *testing.F, kind message.Type, media string) {
	f.Fuzz(func(t *testing.T, b []byte) {
		check(t, mail("text", 76, part{media, b}), kind)
		check(t, mail("text", 60, part{media, b}), kind)
	})
}

// check holds what is derived to what Of promises: it does not fail, gives the same again, and no
// more than the registry has.
func check(t *testing.T, raw []byte, kind message.Type) {
	first, ok := derive.Of(message.Dissect(raw, nil), kind)
	again, _ := derive.Of(message.Dissect(raw, nil), kind)
	row, _ := kind.Info()
	if !ok || len(first) > row.Max || len(first) != len(again) {
		t.Fatalf("%d components and then %d, %v", len(first), len(again), ok)
	}
	for i := range first {
		if a, b := first[i].Digest(), again[i].Digest(); a != b || first[i].Size() == 0 || first[i].Type != kind {
			t.Fatalf("%s and then %s", hex.EncodeToString(first[i].Content()), hex.EncodeToString(again[i].Content()))
		}
	}
}
