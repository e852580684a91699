package record_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/dkim"

	"cairn/consensus"
	"cairn/consensus/record"
	"cairn/mailstore/message"
)

// benchMail returns a mail of about size bytes as a mail program makes it: text, HTML and, if
// large, an attachment.
func benchMail(size int) []byte {
	words := "Quarterly figures for the harvest are attached, please look at the second column. "
	lines := func(n int, encode func(string) string) string {
		var b strings.Builder
		for b.Len() < n {
			b.WriteString(encode(words))
			b.WriteString("\r\n")
		}
		return b.String()
	}
	head := "Received: from laptop.a.example ([192.0.2.7]) by mail.a.example with ESMTPS id 77; Sat, 21 Nov 2026 10:00:00 +0000\r\n" +
		"From: =?utf-8?q?J=C3=B6rg?= <joerg@a.example>\r\nTo: Ann <ann@b.example>, Bob <bob@b.example>\r\nCc: list@b.example\r\n" +
		"Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nSubject: =?utf-8?b?SGFydmVzdCBmaWd1cmVzIOKAkyBRMw==?=\r\nMessage-ID: <1@a.example>\r\n" +
		"In-Reply-To: <0@b.example>\r\nReferences: <0@b.example>\r\nX-Mailer: Pine\r\nMIME-Version: 1.0\r\n" +
		"Content-Type: multipart/mixed; boundary=outer\r\n\r\n--outer\r\nContent-Type: multipart/alternative; boundary=inner\r\n\r\n"
	text := "--inner\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + lines(min(size, 100<<10)*3/10, func(s string) string { return s[:70] }) + "-- \r\nJörg\r\n"
	html := "--inner\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<html><body>" +
		lines(min(size, 100<<10)*3/10, func(s string) string { return "<p>" + s[:40] + "=\r\n" + s[40:] + "=C3=A9</p>" }) + "</body></html>\r\n--inner--\r\n"
	attachment := ""
	if size > 10000 {
		attachment = "--outer\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=a.pdf\r\n\r\n" +
			lines(size-min(size, 100<<10)*6/10, func(string) string {
				return "JVBERi0xLjcKJeLjz9MKNSAwIG9iago8PC9GaWx0ZXIvRmxhdGVEZWNvZGUvTGVuZ3RoIDM4Pj5z"
			})
	}
	return []byte(head + text + html + attachment + "--outer--\r\n")
}

// repacked is a mail as a relay sends it on that gives it another boundary and shorter lines of
// base64.
func repacked(raw []byte) []byte {
	raw = bytes.ReplaceAll(raw, []byte("outer"), []byte("other"))
	from, to := bytes.Index(raw, []byte("JVBER")), bytes.LastIndex(raw, []byte("\r\n--other"))
	if from < 0 {
		return raw
	}
	out := bytes.Clone(raw[:from])
	for line := range slices.Chunk(bytes.ReplaceAll(raw[from:to], []byte("\r\n"), nil), 72) {
		out = append(append(out, line...), "\r\n"...)
	}
	return append(bytes.TrimSuffix(out, []byte("\r\n")), raw[to:]...)
}

var t0 = record.Token{Secret: record.Secret{1, 2, 3}}

var benchRecipients = []string{"ann@b.example"}

// recordMail is what a mail costs at the sender's before the micro-batch is signed: taken apart,
// committed to, and its field written.
func recordMail(raw []byte) []byte {
	d := message.Dissect(raw, benchRecipients)
	r := record.Record{
		Version: record.RecordVersion, Kind: record.KindMail,
		Commitments: record.Commit(t0.Secret, d.Components()), Tags: record.TagsOf(t0.Secret, d.Hints()),
	}
	t := record.Token{
		Version: record.TokenVersion, Seq: 1, Count: 1024, Secret: t0.Secret, Record: r,
		Path: make([]consensus.Hash, 10), Leaf: 1,
	}
	t.Record.Leaf()
	return t.Header()
}

func benchRecord(b *testing.B, raw []byte) {
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		recordMail(raw)
	}
}

func benchCheck(b *testing.B, sent, raw []byte) {
	d := message.Dissect(sent, benchRecipients)
	arrived := append([]byte("Received: from a by b with ESMTP; Sat, 21 Nov 2026 10:00:01 +0000\r\n"), sealed(d.Components(), 0, 1).Header()...)
	arrived = append(arrived, raw...)
	t := record.Token{Secret: t0.Secret, Record: record.Record{
		Version: record.RecordVersion, Commitments: record.Commit(t0.Secret, d.Components()), Tags: record.TagsOf(t0.Secret, d.Hints()),
	}}
	b.SetBytes(int64(len(arrived)))
	b.ReportAllocs()
	for b.Loop() {
		if c := record.Compare(&t, message.Dissect(arrived, benchRecipients), record.Context{}); !c.AllSame() {
			b.Fatal(c.Differences())
		}
	}
}

// BenchmarkRecord is what a mail of 4 KB costs at the sender's, BenchmarkDKIM/sign what it competes
// with.
func BenchmarkRecord(b *testing.B) { benchRecord(b, benchMail(4<<10)) }

// BenchmarkCheck is what a mail of 4 KB costs at the recipient's, as it was sent and re-packed.
func BenchmarkCheck(b *testing.B) {
	raw := benchMail(4 << 10)
	b.Run("as-sent", func(b *testing.B) { benchCheck(b, raw, raw) })
	b.Run("re-packed", func(b *testing.B) { benchCheck(b, raw, repacked(raw)) })
}

const large = 25 << 20

func BenchmarkRecord25MB(b *testing.B) { benchRecord(b, benchMail(large)) }

func BenchmarkCheck25MB(b *testing.B) {
	raw := benchMail(large)
	b.Run("as-sent", func(b *testing.B) { benchCheck(b, raw, raw) })
	b.Run("re-packed", func(b *testing.B) { benchCheck(b, raw, repacked(raw)) })
}

// BenchmarkDKIM signs and verifies the same mail.
func BenchmarkDKIM(b *testing.B) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	public, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&rsaKey.PublicKey)
	if err != nil {
		b.Fatal(err)
	}
	raw := benchMail(4 << 10)
	for _, k := range []struct {
		name, published string
		signer          crypto.Signer
	}{
		{"rsa-2048", "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(der), rsaKey},
		{"ed25519", "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(public), edKey},
	} {
		options := &dkim.SignOptions{Domain: "a.example", Selector: "s", Signer: k.signer, HeaderCanonicalization: "relaxed", BodyCanonicalization: "simple"}
		var signed bytes.Buffer
		if err := dkim.Sign(&signed, bytes.NewReader(raw), options); err != nil {
			b.Fatal(err)
		}
		b.Run("sign/"+k.name, func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				var out bytes.Buffer
				if err := dkim.Sign(&out, bytes.NewReader(raw), options); err != nil {
					b.Fatal(err)
				}
			}
		})
		verify := &dkim.VerifyOptions{LookupTXT: func(string) ([]string, error) { return []string{k.published}, nil }}
		b.Run("verify/"+k.name, func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				got, err := dkim.VerifyWithOptions(bytes.NewReader(signed.Bytes()), verify)
				if err != nil || len(got) != 1 || got[0].Err != nil {
					b.Fatal(got, err)
				}
			}
		})
	}
}

// TestFieldSize holds the token of an ordinary mail in the largest micro-batch to 1.4 KB.
func TestFieldSize(t *testing.T) {
	d := message.Dissect([]byte(letter), benchRecipients)
	if size := len(recordMail([]byte(letter))); size > 1400 {
		t.Errorf("%d octets for %d components and %d hints", size, len(d.Components()), len(d.Hints()))
	}
	raw := benchMail(4 << 10)
	d = message.Dissect(raw, benchRecipients)
	t.Logf("%d components and %d hints of a mail in two forms: %d octets", len(d.Components()), len(d.Hints()), len(recordMail(raw)))
}

// BenchmarkCompareFooter is the dearest comparison: the text differs and every line end is tried.
func BenchmarkCompareFooter(b *testing.B) {
	raw := benchMail(100 << 10)
	token := tokenOf(message.Dissect(raw, nil))
	received := []byte(strings.Replace(string(raw), "-- \r\nJörg", "-- \r\nJörg\r\n____\r\nlist footer", 1))
	for b.Loop() {
		if c := record.Compare(token, message.Dissect(received, nil), record.Context{}); c.AllSame() || !c.MayBeWanted() {
			b.Fatal(c.Differences())
		}
	}
}

// BenchmarkToken is what the record of an ordinary mail costs beyond its components: at the
// sender's, signed alone as the dearest case, and at the recipient's, read from the header and
// checked.
func BenchmarkToken(b *testing.B) {
	comps := message.Dissect(benchMail(4<<10), []string{"ann@b.example"}).Components()
	b.Run("make", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			sealed(comps, 0, 1).Header()
		}
	})
	for version, seal := range versions {
		raw := append(seal(comps, 1000, 1024).Header(), benchMail(4<<10)...)
		b.Run(fmt.Sprintf("check/version=%d", version), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if tok, _, err := record.FindToken(raw); err != nil || !tok.VerifySignature() {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkTags is what tags cost beside the salts of Commit.
func BenchmarkTags(b *testing.B) {
	hints := make([]message.Hint, 20)
	for i := range hints {
		hints[i] = message.Hint{Label: "x-header", Value: []byte{byte(i)}}
	}
	b.ReportAllocs()
	for b.Loop() {
		record.TagsOf(t0.Secret, hints)
	}
}
