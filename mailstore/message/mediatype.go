package message

import (
	"mime"
	"strings"

	gomessage "github.com/emersion/go-message"
)

// mediaType returns the type in lower case and the decoded parameters of a Content-Type or Content-Disposition value. What the strict parser
// refuses (doubled parameters, missing quotes, stray semicolons) is read leniently: the first of doubled parameters counts.
func mediaType(value string) (kind string, params map[string]string) {
	kind, params, err := mime.ParseMediaType(value)
	if err != nil || params == nil {
		kind, params = lenientMediaType(value)
	}
	return strings.ToLower(kind), params
}

func lenientMediaType(value string) (kind string, params map[string]string) {
	items := splitOutsideQuotes(value, ';')
	params = make(map[string]string, len(items))
	for _, item := range items[1:] {
		name, v, _ := strings.Cut(item, "=")
		name = strings.ToLower(strings.TrimSpace(name))
		if _, known := params[name]; known || name == "" {
			continue
		}
		params[name] = strings.TrimSpace(unquoteWords(strings.TrimSpace(v)))
	}
	return strings.TrimSpace(items[0]), params
}

func splitOutsideQuotes(s string, separator byte) []string {
	var items []string
	start := 0
	quotes := balanced(s)
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"' && quotes:
			i = quotedEnd(s, i) - 1
		case s[i] == separator:
			items = append(items, s[start:i])
			start = i + 1
		}
	}
	return append(items, s[start:])
}

// contentType returns the media type of an entity: fallback if it names none, text/plain if what it names is no type (RFC 2045, section 5.2).
func contentType(h gomessage.Header, fallback string) (kind string, params map[string]string) {
	value := h.Get("Content-Type")
	if strings.TrimSpace(value) == "" {
		return fallback, nil
	}
	kind, params = mediaType(value)
	if major, minor, ok := strings.Cut(kind, "/"); !ok || major == "" || minor == "" {
		return "text/plain", params
	}
	return kind, params
}

// partName returns the canonical file name of a part: Content-Disposition's, else Content-Type's.
func partName(h gomessage.Header, disposition, typeParams map[string]string) string {
	name := disposition["filename"]
	if name == "" {
		name = typeParams["name"]
	}
	return phrase(name)
}
