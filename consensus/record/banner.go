package record

import (
	"slices"
	"strings"

	"golang.org/x/net/html"

	"cairn/mailstore/message"
)

// banners takes configured banners of the recipient's own gateway off bodies in which the recorded
// ones are then found.
func (c *comparer) banners(t message.Type, ours []*recorded, theirs []*arrival) {
	if len(c.with.Banners) == 0 || t != message.Text && t != message.HTML && t != message.Attachment {
		return
	}
	for _, a := range theirs {
		for _, banner := range c.with.Banners {
			for _, r := range ours {
				if a.Reading == message.Canonical && !r.budget.none() && !r.holds(a) && withoutBanner(r, a, banner) {
					a.banner = banner
				}
			}
		}
	}
}

// withoutBanner reports whether what is left of a is what was recorded, and keeps only that.
func withoutBanner(r *recorded, a *arrival, banner string) bool {
	if !r.budget.spend(4 * a.Size()) { // what it costs to cut
		return false
	}
	for _, around := range aroundBanner(string(a.Content()), banner, r.kind == message.HTML) {
		before, after := around[0], around[1]
		for _, left := range []string{
			before + after, strings.TrimLeft(before+after, "\n"), before + strings.TrimLeft(after, "\n"),
			strings.TrimRight(before, "\n") + after,
		} {
			left := strings.TrimRight(left, " \t\n")
			without := *a
			without.Component = a.WithContent([]byte(left))
			lines, unlabelled := r.unlabelled(&without)
			if r.isContent([]byte(left), a.labels()) || unlabelled && lines == 0 {
				a.Component = without.Component
				a.digest = a.Digest()
				return true
			}
		}
	}
	return false
}

// aroundBanner lists what is before and behind a banner, where gateways put one: on lines of its
// own above or below plain text; before or behind HTML, and directly inside of its body. Anywhere
// else it would be read with the author's words, or end his markup.
func aroundBanner(content, banner string, markup bool) (list [][2]string) {
	if !strings.Contains(content, banner) {
		return nil
	}
	if !markup {
		if after, ok := strings.CutPrefix(content, banner+"\n"); ok {
			list = append(list, [2]string{"", after})
		}
		if before, ok := strings.CutSuffix(content, "\n"+banner); ok {
			list = append(list, [2]string{before, ""})
		}
		return list
	}
	begin, end := insideBody(content)
	for _, at := range slices.Compact([]int{0, begin}) {
		lines := len(content[at:]) - len(strings.TrimLeft(content[at:], "\n"))
		if after, ok := strings.CutPrefix(content[at+lines:], banner); ok {
			list = append(list, [2]string{content[:at+lines], after})
		}
	}
	for _, at := range slices.Compact([]int{end, len(content)}) {
		inner := strings.TrimRight(content[:at], "\n")
		if before, ok := strings.CutSuffix(inner, banner); ok && endsInText([]byte(before)) {
			list = append(list, [2]string{before, content[len(inner):]})
		}
	}
	return list
}

// insideBody returns where the body of HTML source begins, behind its tag, and where its last end
// tag begins: the begin and the end of what has no such tag.
func insideBody(source string) (begin, end int) {
	end = len(source)
	read := 0
	for z := html.NewTokenizer(strings.NewReader(source)); ; {
		kind := z.Next()
		at := read
		read += len(z.Raw())
		if kind == html.ErrorToken {
			return begin, end
		}
		if kind != html.StartTagToken && kind != html.EndTagToken {
			continue
		}
		switch name, _ := z.TagName(); {
		case string(name) != "body":
		case kind == html.EndTagToken:
			end = at
		case begin == 0:
			begin = read
		}
	}
}
