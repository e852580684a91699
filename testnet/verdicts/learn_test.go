package verdicts

import "testing"

func TestList(t *testing.T) {
	const author = "From: ana@orig.example\nTo: bo@dest.example\nSubject: x\n"
	for _, c := range []struct {
		name, how, original, received string
		class                         Class
		want                          string
	}{
		{"List-Post", "", author + "\nx\n", "List-Post: <mailto:Devs@Lists.example>\n" + author + "\nx\n", Benign, "devs@lists.example"},
		{"the second of two", "", "List-Post: <mailto:a@a.example>\n" + author + "\nx\n",
			"List-Post: <mailto:a@a.example>\nList-Post: <mailto:b@b.example>\n" + author + "\nx\n", Benign, "b@b.example"},
		{"nobody posts", "", author + "\nx\n", "List-Post: NO\n" + author + "\nx\n", Benign, ""},
		{"List-Id", "", author + "\nx\n", "List-Id: Devs <devs.lists.example>\n" + author + "\nx\n", Benign, "devs@lists.example"},
		{"List-Id, spelt in the text", "", author + "\nx\n", "List-Id: Devs <a.b.lists.example>\n" + author + "\nx\n-- \na.b@lists.example\n", Benign, "a.b@lists.example"},
		{"To of the list alone", "reduced to the list address", author + "\nx\n", "From: ana@orig.example\nTo: devs@lists.example\nSubject: x\n\nx\n", Benign, "devs@lists.example"},
		{"page about it", "mailman", author + "\nx\n", author + "\nx\n-- \nhttps://lists.example/mailman/listinfo/devs\n", Benign, "devs@lists.example"},
		{"tag", "list tag", "From: ana@orig.example\nTo: devs@lists.example\nSubject: x\n\nx\n", "From: ana@orig.example\nTo: devs@lists.example\nSubject: [devs] x\n\nx\n", Benign, "devs@lists.example"},
		{"no word of a list", "relay", author + "\nx\n", author + "\nx\n-- \ndevs@lists.example\n", Benign, ""},
		{"tampered with", "tamper: as a list", author + "\nx\n", "List-Post: <mailto:devs@lists.example>\n" + author + "\nx\n", Tamper, ""},
		{"tampered with, written to", "", "From: a@a.example\nCc: devs@lists.example\n\nx\n", "List-Post: <mailto:devs@lists.example>\nFrom: a@a.example\nCc: devs@lists.example\n\ny\n", Tamper, "devs@lists.example"},
		{"nobody says", "", author + "\nx\n", "List-Post: <mailto:devs@lists.example>\n" + author + "\nx\n", Unknown, ""},
	} {
		k := Learn(&Pair{Class: c.class, How: c.how, Original: []byte(c.original), Received: []byte(c.received)})
		got := ""
		if k.List != nil {
			got = k.List.Posting
		}
		if got != c.want || len(k.Map) > 0 || len(k.Banners) > 0 {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestInserted(t *testing.T) {
	for _, c := range [][3]string{
		{"abc", "abXc", "X"}, {"abc", "Xabc", "X"}, {"abc", "abcX", "X"}, {"aa", "aaa", "a"},
		{"<p>", "<b></b><p>", "<b></b>"}, {"<i><p>", "<i><b></b><p>", "<b></b>"}, {"a\nb", "a\nX\nb", "X\n"},
		{"abc", "abc", ""}, {"abc", "aXcY", ""}, {"abc", "ab", ""}, {"", "X", "X"},
	} {
		if got := inserted(c[0], c[1]); got != c[2] {
			t.Errorf("%q has %q more than %q, want %q", c[1], got, c[0], c[2])
		}
	}
}
