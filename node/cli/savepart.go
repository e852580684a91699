package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"cairn/mailstore/message"
	"cairn/node/api"
)

// savedPart says what show --part wrote.
type savedPart struct {
	api.Document
	Ref  string `json:"ref"`
	Part int    `json:"part"` // of the attachments, from 1
	Name string `json:"name"` // that it has in the mail
	Type string `json:"type"`
	Size int    `json:"size"` // octets
	File string `json:"file"`
}

// savePart writes an attachment to a file: out, or one of its own name in the folder that one is
// in. "-" is standard output. What exists is not written over.
func (a *app) savePart(c *cobra.Command, client *api.Client, ref string, number int, out string) error {
	raw, err := client.Raw(c.Context(), ref)
	if err != nil {
		return err
	}
	list := message.Parse(raw.Raw).Attachments
	if number < 1 || number > len(list) {
		return api.Errorf(api.CodeNotFound, "cairn show --peek "+ref, "saving a part of %s: it has %s", ref, plural(len(list), "attachment"))
	}
	part := &list[number-1]
	octets := part.Octets()
	if out == "-" {
		_, err := a.out.Write(octets)
		return err
	}
	if out == "" {
		out = fileName(part.Name, number)
	}
	f, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return api.Errorf(api.CodeExists, "choose another file with --out", "saving part %d of %s: %s is there already", number, ref, out)
	}
	if err == nil {
		_, err = f.Write(octets)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return fmt.Errorf("saving part %d of %s: %w", number, ref, err)
	}
	saved := &savedPart{Ref: ref, Part: number, Name: part.Name, Type: part.Type, Size: len(octets), File: out}
	return a.print(saved, func(b *bytes.Buffer) {
		fmt.Fprintf(b, "%s of %s saved as %s\n", plural(saved.Size, "byte"), line(part.Type, 0), line(out, 0))
	})
}

// fileName is a name that an attachment can be saved by in a folder: nothing of it leads elsewhere,
// hides the file or is taken for an option, whoever chose it.
func fileName(name string, number int) string {
	const most = 200 // octets; file systems take 255
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || dangerous(r) || strings.ContainsRune(`/\:*?"<>|`, r) {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(name, "_"))
	name = strings.TrimLeft(strings.TrimSpace(name), ".-~ ")
	if len(name) > most {
		name = strings.ToValidUTF8(name[len(name)-most:], "") // the end has what kind of file it is
	}
	if name == "" {
		return "part-" + strconv.Itoa(number)
	}
	return name
}
