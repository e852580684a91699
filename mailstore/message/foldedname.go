package message

import (
	"regexp"
	"slices"
	"strings"

	"cairn/mailstore/message/grammar"
)

// writtenFile is the file name in one field of a part.
type writtenFile struct {
	name    string // without its folds
	value   string // of the field as it stands there
	made    string // that a field has which says no more than the name
	obscure bool   // programs may differ about the name for more than a fold, or a fold stands where its extension may be lost
}

// fileIn reads the file name that a field says within the grammar, if it does.
func fileIn(m *grammar.Media, f *grammar.Field, param string) writtenFile {
	if !m.Named {
		return writtenFile{}
	}
	return writtenFile{
		name: m.File, value: f.Value, made: m.Kind + "; " + param + `="` + m.File + `"`,
		obscure: m.OddFile || m.File == "" || f.QuoteFolded && !foldedBefore(m.File, f),
	}
}

// foldedBefore reports whether all folds inside of quotes are of a blank or two in a name, in front
// of the last blank before its extension: who shows a name to its line end then shows no other
// extension.
func foldedBefore(name string, f *grammar.Field) bool {
	start := strings.LastIndex(f.Value, `"`+name+`"`)
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 {
		dot = len(name)
	}
	last := strings.LastIndexByte(name[:dot], ' ')
	return start >= 0 && !slices.ContainsFunc(f.QuoteFolds, func(at int) bool { return at <= start+1 || at >= start+1+last })
}

// extension is what programs may take for one.
var extension = regexp.MustCompile(`\.[A-Za-z0-9]`)

// otherFolds are the names of a part as they would count with a fold inside of quotes, or without;
// none where that is more than a line end in the place of a blank.
func (n *node) otherFolds() (list []Component) {
	disposition, typ := n.files[0], n.files[1]
	name := disposition.name
	if name == "" {
		name = typ.name
	}
	for _, f := range n.files {
		if f.obscure || f.value != "" && f.name != name {
			return nil
		}
	}
	if !strings.Contains(name, " ") || len(extension.FindAllString(name, -1)) > 1 {
		return nil
	}
	list = append(list, Component{Type: AttachmentName, Reading: Canonical, content: []byte(name)})
	for _, filename := range disposition.spellings() {
		for _, name := range typ.spellings() {
			if filename != disposition.name || name != typ.name {
				list = append(list, Component{Type: AttachmentName, Reading: AsOctets, content: namesAsOctets(filename, name)})
			}
		}
	}
	return list
}

// spellings are what a name counts by: itself, and the value of its field if that is folded.
func (f *writtenFile) spellings() []string {
	if f.value == "" || f.value == f.made {
		return slices.Compact([]string{f.name, f.value})
	}
	return []string{f.name, f.value, f.made}
}

func namesAsOctets(filename, name string) []byte {
	return []byte("filename: " + filename + "\nname: " + name)
}
