package derive

import (
	"archive/zip"
	"bytes"
	"io"
)

// Bounds of a zipped document.
const (
	maxArchive = 8 << 20 // octets
	maxEntries = 2000    // in its directory
)

var (
	wordText = &markup{breaks: " w:p w:tab w:br w:cr w:tc ", only: "w:t"}
	openText = &markup{joins: " text:span text:a ", hidden: " script office:scripts office:meta "}
)

// document returns the XML that holds the text of a zipped document, at most room octets of it, and
// how to read that; nil if it is none, or one beyond the bounds. No other entry is opened.
func document(octets []byte, room int) ([]byte, *markup) {
	if !bytes.HasPrefix(octets, []byte("PK\x03\x04")) || len(octets) > maxArchive ||
		bytes.Count(octets, []byte("PK\x01\x02")) > maxEntries {
		return nil, nil
	}
	archive, err := zip.NewReader(bytes.NewReader(octets), int64(len(octets)))
	if err != nil {
		return nil, nil
	}
	for _, f := range archive.File {
		var rules *markup
		switch f.Name {
		case "word/document.xml":
			rules = wordText
		case "content.xml":
			rules = openText
		default:
			continue
		}
		if f.UncompressedSize64 > uint64(room) {
			return nil, nil
		}
		r, err := f.Open()
		if err != nil {
			return nil, nil
		}
		defer r.Close()
		xml, err := io.ReadAll(io.LimitReader(r, int64(room)+1))
		if err != nil || len(xml) > room { // the directory lied
			return nil, nil
		}
		return xml, rules
	}
	return nil, nil
}
