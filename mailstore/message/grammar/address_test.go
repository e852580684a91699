package grammar_test

import (
	"strings"
	"testing"

	"cairn/mailstore/message/grammar"
)

// listed is an address list in one line: name|comment|addr, groups in braces.
func listed(items []grammar.Item, ok bool) string {
	if !ok {
		return "no"
	}
	var list []string
	for _, item := range items {
		switch {
		case item.Begin:
			list = append(list, "{"+item.Group)
		case item.End:
			list = append(list, "}")
		default:
			list = append(list, item.Name+"|"+item.Comment+"|"+item.Addr)
		}
	}
	return strings.Join(list, " ")
}

func TestAddresses(t *testing.T) {
	for _, tt := range []struct{ why, in, want, bare string }{
		{"bare", "a@B.Example", "||a@b.example", ""},
		{"local part as it is", "A.b+c@b.example", "||A.b+c@b.example", ""},
		{"angles", "<a@b.example>", "||a@b.example", ""},
		{"name", "Ann Lee <a@b.example>", "Ann Lee||a@b.example", ""},
		{"quoted name", `"Lee, Ann" <a@b.example>`, "Lee, Ann||a@b.example", ""},
		{"encoded name", "=?utf-8?q?=C3=84nn?= Lee <a@b.example>", "Änn Lee||a@b.example", ""},
		{"encoded with a comma", "=?utf-8?q?L=C3=A9e=2C_Ann?= <a@b.example>", "Lée, Ann||a@b.example", ""},
		{"comment", "a@b.example (Ann)", "|Ann|a@b.example", ""},
		{"list", "a@b.example , <c@d.example>", "||a@b.example ||c@d.example", ""},
		{"group", "team: a@b.example, Bo <c@d.example>;, e@f.example", "{team ||a@b.example Bo||c@d.example } ||e@f.example", ""},
		{"empty group", "Undisclosed recipients:;", "{Undisclosed recipients }", ""},
		{"nothing", "", "no", "no"},
		{"empty element", "a@b.example,,c@d.example", "no", "no"},
		{"comma at the end", "a@b.example,", "no", "no"},
		{"no comma", "<a@b.example> <c@d.example>", "no", "no"},
		{"text behind", "<a@b.example> x", "no", "no"},
		{"semicolons", "a@b.example; c@d.example", "no", "no"},
		{"open group", "team: a@b.example", "no", "no"},
		{"group in a group", "a: b: c@d.example;;", "no", "no"},
		{"group without a name", ": a@b.example;", "no", "no"},
		{"address as a name", "c@d.example <a@b.example>", "no", "no"},
		{"quoted address as a name", `"c@d.example" <a@b.example>`, "c@d.example||a@b.example", ""},
		{"two pairs of angles", "<<a@b.example>>", "no", "no"},
		{"open angle", "<a@b.example", "no", "no"},
		{"space in angles", "< a@b.example>", "no", "||a@b.example"},
		{"source route", "<@x.example:a@b.example>", "no", "no"},
		{"quoted local part", `"a b"@b.example`, "no", "no"},
		{"address literal", "a@[127.0.0.1]", "no", "no"},
		{"two dots", "a..c@b.example", "no", "no"},
		{"dot at the end of the domain", "a@b.example.", "no", "no"},
		{"two at signs", "a@b@c.example", "no", "no"},
		{"8-bit domain", "a@b\xc3\xa4.example", "no", "no"},
		{"address like an encoded word", "<=?utf-8?q?boss=40corp?=@b.example>", "no", "no"},
		{"comment before", "(Ann) a@b.example", "no", "no"},
		{"comment in a comment", "a@b.example (A (b))", "no", "no"},
		{"two comments", "a@b.example (A) (b)", "no", "no"},
		{"open comment", "a@b.example (A", "no", "no"},
		{"control", "Ann\x0b <a@b.example>", "no", "no"},
		// Names that programs differ about leave the addresses plain.
		{"backslash", `"Ann \"x\"" <a@b.example>`, "no", "||a@b.example"},
		{"8-bit name", "\xc3\x84nn <a@b.example>", "no", "||a@b.example"},
		{"encoded word in quotes", `"=?utf-8?q?x?=" <a@b.example>`, "no", "||a@b.example"},
		{"encoded word in unknown charset", "=?x-none?q?x?= <a@b.example>", "no", "||a@b.example"},
		{"encoded address in a name", "=?utf-8?q?x_=3Cboss=40c.example=3E?= <a@b.example>", "no", "||a@b.example"},
		{"encoded comma that needs none", "=?utf-8?q?boss=2C_x?= <a@b.example>", "no", "||a@b.example"},
		{"tab in a name", "\"A\tb\" <a@b.example> (c)", "no", "|c|a@b.example"},
		{"open quote", `"Ann <a@b.example>`, "no", "no"},
	} {
		if got := listed(grammar.Addresses(tt.in)); got != tt.want {
			t.Errorf("%s: Addresses(%q) = %s, want %s", tt.why, tt.in, got, tt.want)
		}
		items, ok := grammar.BareAddresses(tt.in)
		for i := range items {
			items[i].Name = "" // is told by nobody
		}
		if got := listed(items, ok); tt.bare != "" && got != tt.bare {
			t.Errorf("%s: BareAddresses(%q) = %s, want %s", tt.why, tt.in, got, tt.bare)
		}
	}
}

// What is read is written plainly and read again the same; the addresses of a list are those that
// its bare reading has.
func FuzzAddresses(f *testing.F) {
	for _, seed := range []string{
		"a@b.example", `"Lee, Ann" <a@b.example>, team: c@d.example (x);`, "=?utf-8?q?=C3=84?= <a@b.example>", "a:b:c:d@e;", strings.Repeat("a@b,", 40),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		items, ok := grammar.Addresses(in)
		bare, bareOK := grammar.BareAddresses(in)
		if !ok {
			return
		}
		if !bareOK || len(bare) != len(items) {
			t.Fatalf("%q: %v, bare %v", in, items, bare)
		}
		var plain []string
		for i, item := range items {
			if item.Begin || item.End {
				return
			}
			if bare[i].Addr != item.Addr || strings.Count(item.Addr, "@") != 1 || strings.ContainsAny(item.Addr, "<> ,;\"\t") {
				t.Fatalf("%q: %q, bare %q", in, item.Addr, bare[i].Addr)
			}
			plain = append(plain, "<"+item.Addr+">")
		}
		again, ok := grammar.Addresses(strings.Join(plain, ", "))
		if !ok || len(again) != len(items) {
			t.Fatalf("%q is read again as %v", plain, again)
		}
	})
}
