package readers

import (
	"strings"
)

// delimiters change the lines between parts.
func delimiters() []mutation {
	return append(aroundParts(), []mutation{
		delimiterLine("space-before", func(_ dice, l string) string { return " " + l }),
		delimiterLine("three-dashes", func(_ dice, l string) string { return "-" + l }),
		delimiterLine("one-dash", func(_ dice, l string) string { return l[1:] }),
		delimiterLine("text-behind", func(_ dice, l string) string { return l + " x" }),
		delimiterLine("stuck-behind", func(_ dice, l string) string { return l + "x" }),
		delimiterLine("space-behind", func(_ dice, l string) string { return l + "  " }),
		delimiterLine("tab-behind", func(_ dice, l string) string { return l + "\t" }),
		delimiterLine("nul-behind", func(_ dice, l string) string { return l + "\x00" }),
		delimiterLine("nbsp-behind", func(_ dice, l string) string { return l + "\u00a0" }),
		delimiterLine("cr-behind", func(_ dice, l string) string { return l + "\r" }),
		delimiterLine("vt-behind", func(_ dice, l string) string { return l + "\v" }),
		delimiterLine("upper", func(_ dice, l string) string { return strings.ToUpper(l) }),
		delimiterLine("close-early", func(_ dice, l string) string { return l + "--" }),
		delimiterLine("dropped", func(dice, string) string { return "" }),
		delimiterLine("doubled", func(_ dice, l string) string { return l + crlf + l }),
		delimiterLine("before-bare-cr", func(_ dice, l string) string { return "\r" + l }),
		delimiterLine("bare-lf-behind", func(_ dice, l string) string { return l + "\n" }),
	}...)
}

// delimiterLine is a mutation of one of the lines between the parts of a multipart.
func delimiterLine(name string, change func(d dice, line string) string) mutation {
	return tree(name, func(d dice, root *entity) bool {
		m := one(d, root.multiparts())
		if m == nil {
			return false
		}
		mark := d.token()
		boundary := m.boundary
		m.boundary = mark
		text := string(root.bytes())
		lines := strings.Split(text, "--"+mark)
		at := 1 + d.IntN(len(lines)-1) // the piece behind which line is changed
		for i := 1; i < len(lines); i++ {
			line := "--" + boundary
			if i == at {
				line = change(d, line)
			}
			lines[i] = line + lines[i]
		}
		text = strings.Join(lines, "")
		*root = entity{body: text, whole: true}
		return true
	})
}

// multipart is a mutation of a multipart.
func multipart(name string, change func(d dice, m *entity) bool) mutation {
	return tree(name, func(d dice, root *entity) bool {
		m := one(d, root.multiparts())
		return m != nil && change(d, m)
	})
}

// aroundParts changes preamble, epilogue, and where parts end.
func aroundParts() []mutation {
	return []mutation{
		multipart("no-close", func(_ dice, m *entity) bool {
			m.epilogue = ""
			return true
		}),
		multipart("close-then-more", func(d dice, m *entity) bool {
			m.epilogue += crlf + "--" + m.boundary + crlf + string(one(d, evil(m.parts)).bytes())
			return true
		}),
		multipart("close-with-space", func(_ dice, m *entity) bool {
			m.epilogue = " " + m.epilogue
			return true
		}),
		multipart("close-with-text", func(_ dice, m *entity) bool {
			m.epilogue = "x" + m.epilogue
			return true
		}),
		multipart("preamble-text", func(_ dice, m *entity) bool {
			m.preamble += evilText
			return true
		}),
		multipart("preamble-dashes", func(_ dice, m *entity) bool {
			m.preamble += "--other\r\n" + string(evil(m.parts)[0].bytes())
			return true
		}),
		multipart("preamble-part", func(_ dice, m *entity) bool {
			m.preamble += "--" + m.boundary + " \r\n" + string(evil(m.parts)[0].bytes())
			return true
		}),
		multipart("preamble-close", func(_ dice, m *entity) bool {
			m.preamble += "--" + m.boundary + "--\r\n"
			return true
		}),
		multipart("epilogue-text", func(_ dice, m *entity) bool {
			m.epilogue += crlf + evilText
			return true
		}),
		multipart("epilogue-part", func(d dice, m *entity) bool {
			m.epilogue += crlf + "--" + m.boundary + crlf + string(evil(m.parts)[0].bytes()) + crlf + "--" + m.boundary + "--\r\n"
			return true
		}),
		multipart("epilogue-multipart", func(d dice, m *entity) bool {
			m.epilogue += crlf + between(d.token(), evil(m.parts))
			return true
		}),
		multipart("child-prefix", func(_ dice, m *entity) bool {
			for _, p := range m.parts {
				if p.parts != nil {
					p.boundary = m.boundary + "x"
					p.set("Content-Type", p.kind()+"; boundary=\""+p.boundary+"\"")
					return true
				}
			}
			return false
		}),
		multipart("child-same", func(_ dice, m *entity) bool {
			for _, p := range m.parts {
				if p.parts != nil {
					p.boundary = m.boundary
					p.set("Content-Type", p.kind()+"; boundary=\""+p.boundary+"\"")
					return true
				}
			}
			return false
		}),
		multipart("line-in-body", func(d dice, m *entity) bool {
			for _, p := range m.parts {
				if p.parts == nil {
					p.body += crlf + "--" + m.boundary + one(d, []string{"x", " x", "-",
						"\t(x)"}) + crlf + evilText
					return true
				}
			}
			return false
		}),
	}
}
