package htmltext

// What elements are, by their names: from the rendering and parsing sections of the HTML standard.

// isBlock is true of what stands on lines of its own.
func isBlock(name string) bool {
	switch name {
	case "address", "article", "aside", "blockquote", "body", "br", "caption", "center", "dd",
		"details", "dialog", "dir", "div", "dl", "dt", "fieldset", "figcaption", "figure",
		"footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hgroup", "hr", "html",
		"legend", "li", "listing", "main", "menu", "nav", "ol", "optgroup", "option", "p",
		"plaintext", "pre", "search", "section", "summary", "table", "tbody", "tfoot", "thead",
		"tr", "ul", "xmp":
		return true
	}
	return false
}

// isApart is true of what parts words on a line.
func isApart(name string) bool {
	switch name {
	case "audio", "button", "canvas", "embed", "iframe", "img", "input", "math", "meter",
		"object", "progress", "script", "select", "style", "svg", "td", "textarea", "th", "title",
		"video":
		return true
	}
	return false
}

// isRaw is true of elements of HTML in which tags are none. A noscript is not one of them: nothing
// here runs scripts.
func isRaw(name string) bool {
	switch name {
	case "iframe", "noembed", "noframes", "plaintext", "script", "style", "textarea", "title",
		"xmp":
		return true
	}
	return false
}

// isUnseen is true of those with raw text that is not shown.
func isUnseen(name string) bool {
	switch name {
	case "iframe", "noembed", "noframes", "script", "style", "title":
		return true
	}
	return false
}

// isVoid is true of elements of HTML that have no end tag.
func isVoid(name string) bool {
	switch name {
	case "area", "base", "basefont", "bgsound", "br", "col", "embed", "frame", "hr", "image",
		"img", "input", "keygen", "link", "meta", "param", "source", "track", "wbr":
		return true
	}
	return false
}

// ofTable is true of tags that end what is open inside of a table, whatever that is.
func ofTable(name string) bool {
	switch name {
	case "caption", "col", "colgroup", "table", "tbody", "td", "tfoot", "th", "thead", "tr":
		return true
	}
	return false
}

// leavesForeign is true of tags that end all svg and math around them, up to an integration point.
func leavesForeign(name string) bool {
	switch name {
	case "b", "big", "blockquote", "body", "br", "center", "code", "dd", "div", "dl", "dt",
		"em", "embed", "h1", "h2", "h3", "h4", "h5", "h6", "head", "hr", "i", "img", "li",
		"listing", "menu", "meta", "nobr", "ol", "p", "pre", "ruby", "s", "small", "span",
		"strike", "strong", "sub", "sup", "table", "tt", "u", "ul", "var":
		return true
	}
	return false
}

// isInline is true of elements that end no others and are ended by their end tags alone, raw text
// included.
func isInline(name string) bool {
	switch name {
	case "b", "em", "i", "iframe", "noembed", "noframes", "script", "span", "strong", "style",
		"textarea", "title", "u":
		return true
	}
	return false
}

// isIgnored is true of elements that start tags may leave unopened.
func isIgnored(name string) bool {
	switch name {
	case "body", "form", "frameset", "head", "html", "optgroup", "option", "select":
		return true
	}
	return false
}
