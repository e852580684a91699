package grammar_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"cairn/mailstore/message/grammar"
)

// TestBase64Lines: decoding line by line gives what decoding all lines together does, and takes no
// more than whole lines.
func TestBase64Lines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body := rapid.StringMatching(`(([A-D+/]{4}){0,3}[A-D+/]{0,3}=?=?(\r\n|\r\n|\n|\r|)){0,4}`).Draw(t, "body")
		got, ok := grammar.Base64([]byte(body))
		all := strings.TrimRight(strings.ReplaceAll(body, "\r\n", "\n"), "\n")
		lines := strings.Split(all, "\n")
		want, err := base64.StdEncoding.DecodeString(strings.Join(lines, ""))
		wanted := err == nil && !strings.Contains(all, "\r")
		for _, line := range lines {
			wanted = wanted && len(line)%4 == 0 && (line != "" || all == "")
		}
		if ok != wanted || ok && !bytes.Equal(got, want) {
			t.Fatalf("%q: %x, %v; all together %x, %v", body, got, ok, want, wanted)
		}
		samePieces(t, []byte(body))
	})
}

// samePieces holds Base64Pieces to what Base64 returns.
func samePieces(t interface{ Fatalf(string, ...any) }, body []byte) {
	var pieces []byte
	ok := grammar.Base64Pieces(body, func(piece []byte) { pieces = append(pieces, piece...) })
	if whole, wanted := grammar.Base64(body); ok != wanted || ok && !bytes.Equal(pieces, whole) {
		t.Fatalf("%.80q of %d octets: in pieces %d octets, %v; whole %d, %v", body, len(body), len(pieces), ok, len(whole), wanted)
	}
}

// TestQuotedPieces: in pieces and whole, the same is decoded and said of it.
func TestQuotedPieces(t *testing.T) {
	same := func(t interface{ Fatalf(string, ...any) }, body []byte) {
		var pieces []byte
		padded, lower, ok := grammar.QuotedPieces(body, func(piece []byte) { pieces = append(pieces, piece...) })
		if whole, p, l, wanted := grammar.Quoted(body); ok != wanted || padded != p || lower != l || ok && !bytes.Equal(pieces, whole) {
			t.Fatalf("%.80q of %d octets: in pieces %d octets, %v %v %v; whole %d, %v %v %v", body, len(body), len(pieces), padded, lower, ok, len(whole), p, l, wanted)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		same(t, []byte(rapid.StringMatching(`(([ -~]|=[0-9A-F]{2}|=e9|\t){0,12}[ =]?(\r\n|\n|)){0,6}`).Draw(t, "body")))
	})
	for _, length := range []int{1, 76, 996, 998, 999} {
		for _, end := range []string{"\r\n", "=\r\n", " \r\n", "=e9\r\n", "=0D=0A\n"} {
			same(t, []byte(strings.Repeat(strings.Repeat("x", max(0, length-len(strings.TrimRight(end, "\r\n"))))+end, 200_000/length)))
		}
	}
}

// TestBase64Pieces: of lines of every length, over more than one piece.
func TestBase64Pieces(t *testing.T) {
	for _, length := range []int{4, 72, 76, 996} {
		for _, end := range []string{"", "AA==", "AAA=", "A===", "AAA"} {
			samePieces(t, []byte(strings.Repeat(strings.Repeat("aGVs", length/4)+"\r\n", 100_000/length)+end))
		}
	}
}
