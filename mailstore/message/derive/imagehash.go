package derive

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"

	"cairn/mailstore/message"
)

// Bounds of the pictures of one message. Decoding takes up to 6 octets of memory and some
// nanoseconds for each pixel.
const (
	maxPixels   = 5 << 20 // of all pictures; one with 16 bits a channel counts twice
	maxPerOctet = 256     // pixels: what is packed more densely is a bomb, or shows next to nothing
	maxScans    = 16      // of a JPEG: each goes over the whole picture; encoders make about ten
	minSide     = 16      // pixels
)

// The grid of a hash: each of 8 rows gives 8 bits, one for each step to the right.
const (
	columns = 9
	rows    = 8
	samples = 32 // of a cell, in either direction
	// step is how much lighter a cell has to be than the one to its left for its bit to be set, of
	// 65535: what a JPEG encoder makes of an even surface stays below.
	step = 2 * 257
)

// imageHash is a hash of 64 bits of each picture (PNG, JPEG, or the first frame of a GIF; big
// endian) of which little changes when the picture is compressed again or scaled.
func imageHash(d *message.Dissection) []message.Component {
	var list []message.Component
	room := maxPixels
	for _, a := range d.Attached() {
		img := decode(a.Octets(), &room)
		if img == nil {
			continue
		}
		if h := hashOf(img); h != 0 { // nothing to be seen gets lighter to the right
			list = append(list, derived(a.Index, binary.BigEndian.AppendUint64(nil, h)))
		}
	}
	return list
}

// codec reads one picture format.
type codec struct {
	magic  string
	config func(b []byte) (image.Config, error)
	image  func(b []byte) (image.Image, error)
}

func codecs() []codec {
	return []codec{
		{"\x89PNG\r\n\x1a\n",
			func(b []byte) (image.Config, error) { return png.DecodeConfig(bytes.NewReader(b)) },
			func(b []byte) (image.Image, error) { return png.Decode(bytes.NewReader(b)) }},
		{"\xff\xd8\xff",
			func(b []byte) (image.Config, error) { return jpeg.DecodeConfig(bytes.NewReader(b)) },
			func(b []byte) (image.Image, error) { return jpeg.Decode(bytes.NewReader(b)) }},
		{"GIF8",
			func(b []byte) (image.Config, error) { return gif.DecodeConfig(bytes.NewReader(b)) },
			func(b []byte) (image.Image, error) { return gif.Decode(bytes.NewReader(b)) }},
	}
}

// decode returns a picture; nil if octets are none, or one beyond the bounds. It takes its pixels
// from room.
func decode(octets []byte, room *int) image.Image {
	for _, c := range codecs() {
		if !bytes.HasPrefix(octets, []byte(c.magic)) {
			continue
		}
		cfg, err := c.config(octets)
		if err != nil || !affordable(cfg, len(octets), room) || bytes.Count(octets, []byte{0xff, 0xda}) > maxScans && c.magic[0] == 0xff {
			return nil
		}
		img, err := c.image(octets)
		if err != nil {
			return nil
		}
		return img
	}
	return nil
}

func affordable(cfg image.Config, octets int, room *int) bool {
	if cfg.Width < minSide || cfg.Height < minSide || cfg.Width > maxPixels || cfg.Height > maxPixels/cfg.Width {
		return false
	}
	pixels := cfg.Width * cfg.Height
	if pixels/maxPerOctet > octets {
		return false
	}
	switch cfg.ColorModel {
	case color.RGBA64Model, color.NRGBA64Model, color.Gray16Model, color.Alpha16Model:
		pixels *= 2
	}
	if pixels > *room {
		return false
	}
	*room -= pixels
	return true
}

// hashOf compares the mean lightness of the cells of a grid with that of the next one. All of it is
// whole numbers, so that it is the same on every machine.
func hashOf(img image.Image) (hash uint64) {
	for y := range rows {
		left := lightness(img, 0, y)
		for x := 1; x < columns; x++ {
			here := lightness(img, x, y)
			hash <<= 1
			if here > left+step {
				hash |= 1
			}
			left = here
		}
	}
	return hash
}

// lightness is the mean of samples x samples points of a cell on white ground, 0 to 65535.
func lightness(img image.Image, column, row int) int {
	b := img.Bounds()
	sum := 0
	for j := range samples {
		y := b.Min.Y + (2*(row*samples+j)+1)*b.Dy()/(2*rows*samples)
		for i := range samples {
			x := b.Min.X + (2*(column*samples+i)+1)*b.Dx()/(2*columns*samples)
			red, green, blue, alpha := img.At(x, y).RGBA()
			white := 0xffff - alpha
			sum += int(19595*(red+white)+38470*(green+white)+7471*(blue+white)+1<<15) >> 16
		}
	}
	return sum / (samples * samples)
}
