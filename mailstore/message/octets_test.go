package message_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"cairn/mailstore/message"
)

// image is what a record holds of a message and what keeps it from being as recorded.
type image struct {
	head, body, trouble string
	flawed              bool // and so never as recorded
}

func imageOf(raw []byte) image {
	d := message.Dissect(raw, nil)
	var im image
	for _, c := range d.Components() {
		digest := c.Digest()
		line := fmt.Sprintf("%d %d %x\n", c.Type, c.Index, digest)
		if c.Type == message.Octets || c.Type == message.MIME {
			im.head += line
		} else {
			im.body += line
		}
	}
	b := d.Body()
	im.flawed = len(d.Flaws) > 0
	im.trouble = fmt.Sprint(d.Flaws, b.Odd, b.Loose, b.Open)
	return im
}

// clean says that nothing keeps a message from being as recorded when its body was re-packed.
const clean = "[] [] [] false"

// place is where an octet stands, as the closed list sees it.
type place struct {
	line     []byte // with its line end
	at       int    // in the line
	field    string // of a header, of a part's too; in lower case
	trace    bool   // the field is one of the top that is in no component
	top      bool   // in the header of the message
	encoding string // of the body that the line is in, in lower case
	text     bool   // that body is text, or stands between parts
}

var boundaryPattern = regexp.MustCompile(`(?i)boundary="?([^";\r\n]+)`)

// places finds out where every octet of a message stands. It knows no more of MIME than our own
// test messages and ordinary mail need: a header follows a boundary line, or the header of an
// embedded message.
func places(raw []byte) []place {
	list := make([]place, 0, len(raw))
	header, top, field, encoding, embedded, report, text := true, true, "", "", false, false, true
	digest := false
	boundaries := map[string]bool{} // with their hyphens
	for _, m := range boundaryPattern.FindAllSubmatch(raw, -1) {
		boundaries["--"+string(m[1])] = true
	}
	for rest := raw; len(rest) > 0; {
		n := bytes.IndexByte(rest, '\n') + 1
		if n == 0 {
			n = len(rest)
		}
		line := rest[:n]
		rest = rest[n:]
		bare := strings.TrimRight(string(line), "\r\n")
		switch {
		case header && bare == "" && embedded:
			embedded, top, encoding, text = report, false, "", true
		case header && bare == "":
			header, top, field = false, false, ""
		case boundaries[strings.TrimSuffix(bare, "--")] || boundaries[bare]:
			header, encoding, embedded, report, text = !strings.HasSuffix(bare, "--"), "", digest, false, true
			field = ""
		case header && bare[0] != ' ' && bare[0] != '\t':
			name, _, _ := strings.Cut(bare, ":")
			field = strings.ToLower(strings.TrimRight(name, " \t"))
		}
		if header {
			lower := strings.ToLower(bare)
			digest = digest || field == "content-type" && strings.Contains(lower, "multipart/digest")
			report = report || field == "content-type" && (strings.Contains(lower, "message/d") || strings.Contains(lower, "message/f"))
			embedded = embedded || report || field == "content-type" && strings.Contains(lower, "message/")
			if field == "content-type" && strings.Contains(lower, "/") {
				text = text && (strings.Contains(lower, "text/") || strings.Contains(lower, "multipart/"))
			}
			if field == "content-transfer-encoding" {
				_, value, _ := strings.Cut(lower, "encoding:")
				if strings.TrimLeft(bare, " \t") != bare {
					value = lower
				}
				encoding = strings.Trim(value, " \t")
			}
		}
		for i := range line {
			list = append(list, place{line: line, at: i, field: field, top: top, encoding: encoding, text: text,
				trace: top && message.Uncovered(field)})
		}
	}
	return list
}

// immaterial is the closed list: it says why an octet at p may become c without a difference in
// what a record holds of the header and the parts, empty if it may not.
func immaterial(p *place, c byte) string {
	old := p.line[p.at]
	switch {
	case p.trace:
		return "in a field that relays add and nobody acts upon"
	case isWhite(old) && isWhite(c) && p.atEdge():
		return "white space that unfolding or trimming removes"
	case p.field != "":
		return p.immaterialField(old, c)
	}
	switch p.encoding {
	case "quoted-printable":
		if sameLetter(old, c) && p.inHex() {
			return "letter case of an escape"
		}
		if after := p.line[p.at+1:]; isWhite(old) && isWhite(c) && hiddenWhite.Match(after) {
			return "white space at the end of a line that escapes or a soft line end hide"
		}
		if after := p.line[p.at+1:]; old == '\r' && c == '=' || old == '=' && isWhite(c) && len(bytes.TrimSpace(after)) == 0 {
			return "a line end before blank lines at the end"
		}
	case "base64":
		if tail := p.line[p.at+1:]; len(tail) > 0 && tail[0] == '=' {
			return "bits that padding leaves over"
		}
		if p.text && p.sameButWhite(c) {
			return "white space at the end of a line"
		}
	}
	return ""
}

// hiddenWhite is what may stand behind white space at the end of a line of quoted-printable.
var hiddenWhite = regexp.MustCompile(`^(=20|=09|[ \t])*=?\s*$`)

// sameButWhite reports whether a line of base64 holds the same text with c in it, but for white
// space at line ends.
func (p *place) sameButWhite(c byte) bool {
	bare := func(line []byte) (string, bool) {
		octets, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(line)))
		return string(whiteEnds.ReplaceAll(octets, []byte("\n"))), err == nil
	}
	changed := slices.Clone(p.line)
	changed[p.at] = c
	was, ok1 := bare(p.line)
	is, ok2 := bare(changed)
	return ok1 && ok2 && strings.TrimSpace(was) == strings.TrimSpace(is)
}

var whiteEnds = regexp.MustCompile(`[ \t\r]*\n`)

// immaterialField is immaterial in a header.
func (p *place) immaterialField(old, c byte) string {
	colon := bytes.IndexByte(p.line, ':')
	before := strings.ToLower(string(p.line[:p.at]))
	switch {
	case p.field == "content-type" && p.at == 0 && isWhite(c) && strings.HasPrefix(strings.ToLower(string(p.line)), "content-type: text/plain"):
		return "text/plain that is left out, since it goes on a field that is in no component"
	case sameLetter(old, c) && p.line[0] > ' ' && p.at < colon:
		return "letter case of a field name"
	case p.inWord() && (sameLetter(old, c) || p.at+1 < len(p.line) && p.line[p.at+1] == '=' || p.at+2 < len(p.line) && p.line[p.at+1] == '?'):
		return "charset, encoding or escape of an encoded word"
	case p.inWord():
		return "spelling of an encoded word"
	}
	if strings.HasPrefix(p.field, "content-") && isWhite(old) && isWhite(c) && strings.HasSuffix(strings.TrimRight(before, " \t"), ";") {
		return "white space behind a semicolon"
	}
	if rest := strings.TrimSpace(string(p.line[p.at+1:])); strings.HasPrefix(p.field, "content-") && rest == "" &&
		(old == ';' || isWhite(old)) && (c == ';' || isWhite(c)) {
		return "a semicolon at the end of a value"
	}
	switch p.field {
	case "message-id", "in-reply-to", "references":
		if isWhite(old) && isWhite(c) {
			return "white space between ids"
		}
	case "content-type":
		if sameLetter(old, c) {
			return "letter case of a media type, a parameter's name or a charset"
		}
		if at := strings.LastIndex(before, "charset="); at >= 0 && !strings.Contains(before[at:], ";") {
			return "another charset for text that is the same in both"
		}
	case "content-disposition", "mime-version":
		if sameLetter(old, c) || p.field == "mime-version" {
			return "letter case of a disposition, MIME-Version where it makes no difference"
		}
	case "content-transfer-encoding":
		return "another name of the same transfer encoding"
	case "from", "sender", "to", "cc", "reply-to":
		if sameLetter(old, c) && strings.Contains(before[strings.LastIndexAny(before, ", <:")+1:], "@") {
			return "letter case of a domain"
		}
	case "date":
		return "another way to write the same instant"
	}
	return ""
}

// atEdge reports whether there is nothing but white space between the octet and an end of its line.
func (p *place) atEdge() bool {
	before, after := p.line[:p.at], p.line[p.at+1:]
	if colon := bytes.IndexByte(before, ':'); p.field != "" && p.line[0] > ' ' && colon >= 0 {
		before = before[colon+1:]
	}
	return len(bytes.TrimSpace(before)) == 0 && p.field != "" || len(bytes.TrimSpace(after)) == 0
}

func (p *place) inHex() bool {
	return p.at > 0 && p.line[p.at-1] == '=' || p.at > 1 && p.line[p.at-2] == '='
}

func (p *place) inWord() bool {
	start := bytes.LastIndex(p.line[:p.at+1], []byte("=?"))
	end := bytes.Index(p.line[p.at:], []byte("?="))
	return start >= 0 && end >= 0 && !bytes.ContainsAny(p.line[start:p.at], " \t")
}

func isWhite(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func sameLetter(a, b byte) bool {
	return a != b && a|0x20 == b|0x20 && a|0x20 >= 'a' && a|0x20 <= 'z'
}

// others are four octets that one is replaced by: its other case or neighbour, white space, one
// that means something in mail, and any.
func others(c byte, r *rand.Rand) [4]byte {
	const special = "\t\r\n \x00-=;:\"<>(),?_/@.\\%*'+\x80\xc3\xe2\x1b"
	list := [4]byte{c ^ 0x20, " \t"[r.IntN(2)], special[r.IntN(len(special))], byte(r.IntN(256))}
	for i := range list {
		if list[i] == c {
			list[i] = c + 1
		}
	}
	return list
}

// checkOctets replaces octets of a message, each stride-th, and holds what nothing shows of to the
// closed list. It returns how many it replaced.
func checkOctets(t *testing.T, name string, raw []byte, stride int, r *rand.Rand) (replaced int) {
	raw = withCRLF(raw)
	was := imageOf(raw)
	where := places(raw)
	changed := slices.Clone(raw)
	failed := 0
	for i := r.IntN(stride); i < len(raw) && failed < 5; i += stride {
		for _, c := range others(raw[i], r) {
			changed[i] = c
			replaced++
			is := imageOf(changed)
			changed[i] = raw[i]
			asSent := is == was && !is.flawed
			repacked := is.body == was.body && is.trouble == clean
			if !asSent && !repacked {
				continue
			}
			if asSent && where[i].field == "" && !(isWhite(raw[i]) && isWhite(c)) {
				failed++
				t.Errorf("%s: octet %d of the body, %q for %q in %q, shows nowhere", name, i, c, raw[i], where[i].line)
			}
			if immaterial(&where[i], c) == "" {
				failed++
				t.Errorf("%s: octet %d, %q for %q in %q: as sent %v, parts the same %v", name, i, c, raw[i], where[i].line, asSent, repacked)
			}
		}
	}
	return replaced
}

// TestEveryOctet replaces octets of our own messages and, where it is there, of the mail data. With
// CAIRN_EVERY_OCTET=1 it takes 200 messages and every octet; else a sample.
func TestEveryOctet(t *testing.T) {
	count, stride, longest := 40, 23, 6000
	if os.Getenv("CAIRN_EVERY_OCTET") != "" {
		count, stride, longest = 200, 1, 20000
	}
	var total atomic.Int64
	t.Run("messages", func(t *testing.T) {
		for i, m := range ownMessages {
			t.Run(m.name, func(t *testing.T) {
				t.Parallel()
				total.Add(int64(checkOctets(t, m.name, []byte(m.raw), 1, rand.New(rand.NewPCG(5, uint64(i))))))
			})
		}
		for i, m := range drawn(t, count, longest, rand.New(rand.NewPCG(5, 2))) {
			t.Run(m.path, func(t *testing.T) {
				t.Parallel()
				total.Add(int64(checkOctets(t, m.path, m.raw, stride, rand.New(rand.NewPCG(6, uint64(i))))))
			})
		}
	})
	t.Logf("%d octets replaced", total.Load())
}

type drawnMail struct {
	path string
	raw  []byte
}

// drawn draws messages that are not long from the mail data; none where it is not there.
func drawn(t *testing.T, count, longest int, r *rand.Rand) []drawnMail {
	if os.Getenv("CAIRN_TESTDATA") == "" {
		return nil
	}
	var all []drawnMail
	mails(t, []string{"ham", "intl", "mime", "phishing", "spam", "transit/orig", "transit/natural", "threads"}, func(path string, raw []byte) {
		if len(raw) <= longest && bytes.Contains(raw, []byte(":")) {
			all = append(all, drawnMail{path, message.WithoutMboxLine(raw)})
		}
	})
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:min(count, len(all))]
}
