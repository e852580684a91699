package readers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// mu asks GMime, through maildir-utils: "mu view" for many mails at once, "mu extract" for each
// that has attachments.
type mu struct{ dir string }

func openMu(dir string) (Reader, error) { return &mu{dir}, nil }

func (m *mu) Close() error { return nil }

func (m *mu) Read(ctx context.Context, mails [][]byte) ([]Shown, error) {
	folder, err := spread(m.dir, mails, asFile)
	if err != nil {
		return nil, err
	}
	all := make([]int, len(mails))
	for i := range all {
		all[i] = i
	}
	texts, err := m.view(ctx, folder, all)
	if err != nil {
		return nil, err
	}
	shown := make([]Shown, len(mails))
	for i, text := range texts {
		shown[i] = muShown(text)
		if len(shown[i][Attachments]) == 0 {
			continue
		}
		if shown[i][Attachments], err = m.extract(ctx, filepath.Join(folder,
			strconv.Itoa(i))); err != nil {
			return nil, err
		}
	}
	return shown, nil
}

// view shows mails in one go. Where the outputs cannot be told apart, because a mail fails or has
// form feeds of its own, the half is shown in two goes.
func (m *mu) view(ctx context.Context, folder string, numbers []int) ([]string, error) {
	args := []string{"view", "--nocolor", "--terminate"}
	for _, n := range numbers {
		args = append(args, filepath.Join(folder, strconv.Itoa(n)))
	}
	out, err := run(ctx, m.dir, nil, "mu", args...)
	if err != nil {
		return nil, err
	}
	if len(numbers) == 1 {
		return []string{strings.TrimSuffix(string(out), "\f")}, nil
	}
	texts := strings.Split(string(out), "\f")
	if len(texts) == len(numbers)+1 {
		return texts[:len(numbers)], nil
	}
	half := len(numbers) / 2
	first, err := m.view(ctx, folder, numbers[:half])
	if err != nil {
		return nil, err
	}
	second, err := m.view(ctx, folder, numbers[half:])
	return append(first, second...), err
}

// muFields are the lines above the text, in mu's order.
var muFields = []struct {
	prefix string
	field  Field
}{
	{"From: ", From}, {"To: ", To}, {"Cc: ", Cc}, {"Bcc: ", ""}, {"Subject: ", Subject},
	{"Date: ", Date},
	{"Signature: ", ""}, {"Flags: ", ""}, {"Tags: ", ""}, {"Attachments: ", Attachments},
	{"Mailing list: ", ""},
}

func muShown(out string) Shown {
	if out == "" {
		return Shown{Broken: {"error"}}
	}
	shown := Shown{From: {}, To: {}, Cc: {}, Subject: {}, Date: {}, Attachments: {}}
	at := 0
	for {
		line, rest, more := strings.Cut(out, "\n")
		i := slices.IndexFunc(muFields[at:], func(f struct {
			prefix string
			field  Field
		}) bool {
			return strings.HasPrefix(line, f.prefix)
		})
		if i < 0 || !more {
			break
		}
		at += i
		if f := muFields[at]; f.field != "" {
			shown[f.field] = []string{strings.TrimPrefix(line, f.prefix)}
		}
		at, out = at+1, rest
	}
	if strings.TrimSpace(out) == "[No text body found]" { // what it says of an empty one without an empty line
		out = ""
	}
	shown[Text] = []string{out}
	return shown
}

// extract gives the attachments of a mail by what "mu extract" saves. Parts without a name are the
// text, which is shown.
func (m *mu) extract(ctx context.Context, mail string) ([]string, error) {
	folder := filepath.Join(m.dir, "saved")
	if err := os.RemoveAll(folder); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	if _, err := run(ctx, m.dir, nil, "mu", "extract", "--save-all", "--overwrite",
		"--target-dir="+folder, mail); err != nil {
		return nil, err
	}
	return savedFiles(folder, func(name string) bool { return strings.HasPrefix(name, "part-") })
}

// savedFiles gives name and hash of each file in a folder.
func savedFiles(folder string, leaveOut func(name string) bool) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, e := range entries {
		if leaveOut(e.Name()) || !e.Type().IsRegular() {
			continue
		}
		content, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			return nil, err
		}
		all = append(all, e.Name()+" "+digest(content))
	}
	return all, nil
}

// digest is the hash of an attachment's content; see Shown.
func digest(content []byte) string {
	s := strings.ReplaceAll(strings.ReplaceAll(string(content), "\r\n", "\n"), "\r", "\n")
	sum := sha256.Sum256([]byte(strings.TrimRight(s, "\n")))
	return hex.EncodeToString(sum[:])
}
