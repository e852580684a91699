package index

import (
	"strings"
	"testing"
)

// Of messages in messages four are looked into, and of attachments so much as is told.
func TestEnclosedIsBounded(t *testing.T) {
	raw := "Subject: inmost\n\nword\n"
	for _, name := range []string{"five", "four", "three", "two", "one"} {
		raw = "Subject: " + name + "\nFrom: " + name + "@deep.example\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=" + name + "\n\n--" + name +
			"\nContent-Type: text/csv\nContent-Disposition: attachment; filename=" + name + "file.csv\n\ncell" + name + "\n--" + name + "\nContent-Type: message/rfc822\n\n" + raw + "\n--" + name + "--\n"
	}
	b := newBed(t)
	b.add(nil, raw)
	b.add(nil, "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n"+strings.Repeat("--x\nContent-Type: application/json\n\n\"early\"\n"+strings.Repeat("filler ", 600_000)+"\n", 5)+
		"--x\nContent-Type: application/json; name=last.json\n\n\"late\"\n--x--\n")
	b.sync()
	for q, want := range map[string]string{
		"subject:one": "1", "attachment:two": "1", "attachment:five": "1", "five@deep.example": "1", "attachment:inmost": "", "attachment:cellfive": "1", "filename:fivefile": "1",
		"attachment:early": "2", "attachment:late": "", "filename:last.json": "2", "has:attachment": "2 1",
	} {
		if got := b.find(q); got != want {
			t.Errorf("%s finds %q, want %q", q, got, want)
		}
	}
}
