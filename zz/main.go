package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"

	"cairn/consensus/record"
	"cairn/mailstore/message"
)

func file(p string) *message.Dissection { b, err := os.ReadFile(p); if err != nil { panic(err) }; return message.DissectFile(b, nil) }

func cmp(a, b string, with record.Context) (record.Comparison, string) {
	da, db := file(a), file(b)
	s := record.Secret{1, 2}
	var hops []message.Component
	for _, c := range da.Components() { if c.Type < 24 || c.Type > 28 { hops = append(hops, c) } }
	t := &record.Token{Version: 2, Secret: s, Record: record.Record{Version: 2, Commitments: record.Commit(s, hops), Tags: record.TagsOf(s, da.Hints())}}
	c := record.Compare(t, db, with)
	var parts []record.Part
	for _, p := range c.Parts { if p.Type < 24 || p.Type > 28 { parts = append(parts, p) } }
	c.Parts = parts
	v := "spam"
	switch {
	case c.AllSame(): v = "verified"
	case !c.Reaches(75): v = "invalid"
	case c.Forwarded(): v = "vouched"
	case c.MayBeWanted(): v = "inbox"
	}
	return c, v
}

var addr = regexp.MustCompile(`[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+[a-z]`)

func listOf(a, b string) *record.Forwarder {
	ra, _ := os.ReadFile(a)
	d := file(b)
	cand := addr.FindString(d.Value("list-post"))
	if cand == "" {
		rb, _ := os.ReadFile(b)
		for _, l := range d.Body().Leaves { rb = append(rb, l.Text...) }
		for _, x := range addr.FindAllString(string(rb), -1) {
			if !strings.Contains(string(ra), x) && strings.Contains(x, "lists.") { cand = x; break }
		}
	}
	if cand == "" { return nil }
	return &record.Forwarder{Domain: message.Domain(cand), Posting: strings.ToLower(cand), List: true}
}

func main() {
	if len(os.Args) > 2 && strings.HasSuffix(os.Args[1], ".eml") {
		c, v := cmp(os.Args[1], os.Args[2], record.Context{})
		k, n := c.Counted()
		fmt.Println(v, k, n)
		for _, d := range c.Parts { if d.Outcome != record.Same { fmt.Printf("   %s kept=%v decides=%v\n", d, d.Kept, d.Decides) } }
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "cases" {
		fs, _ := filepath.Glob("/work/shared/cases/verdict/*.a.eml")
		for _, f := range fs {
			c, v := cmp(f, strings.Replace(f, ".a.", ".b.", 1), record.Context{})
			fmt.Println(v, filepath.Base(f))
			for _, d := range c.Parts { if d.Outcome != record.Same { fmt.Printf("      %s decides=%v\n", d, d.Decides) } }
		}
		return
	}
	root := "/work/shared/data/"
	b, _ := os.ReadFile(root + "transit/PAIRS.tsv")
	r := csv.NewReader(bytes.NewReader(b)); r.Comma = '\t'; r.LazyQuotes = true
	rows, _ := r.ReadAll()
	count := map[string]map[string]int{}
	for _, row := range rows[1:] {
		with := record.Context{}
		if strings.Contains(strings.ToLower(row[len(row)-1]), "list") {
			with.Forwarder = listOf(root+row[1], root+row[2])
		}
		c, v := cmp(root+row[1], root+row[2], with)
		how := row[len(row)-1]
		if len(how) > 70 { how = how[:70] }
		how = row[3] + " " + how
		if count[how] == nil { count[how] = map[string]int{} }
		count[how][v]++
		if len(os.Args) > 2 && strings.Contains(row[0], os.Args[1]) && strings.Contains(os.Args[2], v) {
			fmt.Println(v, row[1], row[2])
			for _, d := range c.Parts { if d.Outcome != record.Same { fmt.Printf("      %s kept=%v decides=%v\n", d, d.Kept, d.Decides) } }
		}
	}
	var keys []string
	for k := range count { keys = append(keys, k) }
	sort.Strings(keys)
	tot := map[string]int{}
	for _, k := range keys { fmt.Println(k, count[k]); for v, n := range count[k] { tot[k[:6]+v] += n } }
	fmt.Println(tot)
}
