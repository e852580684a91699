// Package query is the language in which people ask for mail, as a tree: [Parse] makes it from
// text, String gives the text back, [Simplify] makes it smaller without changing what it finds.
//
// The grammar, loosest binding first:
//
//	query   = or
//	or      = and { "or" and }
//	and     = not { [ "and" ] not }
//	not     = ( "not" | "-" ) not | near
//	near    = atom { ( "near" | "near/" number ) atom }
//	atom    = "(" or ")" | word | word "*" | "*" | phrase | field ":" value | day | day "-" day
//	value   = word | word "*" | phrase | "(" or ")"
//
// A word ends at white space, a parenthesis or a double quote. In a phrase, \" is a quote and \\ a
// backslash. Fields of text are from, to, cc, subject, body, attachment, filename, list and id.
// Further conditions are label:x, is:unread (or any label), is:read, has:attachment,
// verdict:changed (any verdict), larger:1M, smaller:10k; date:, before: and after:, which go by the
// Date of a message, and received:, newer_than:30d and older_than:2w, which go by when it came in.
// The operator words are not case-sensitive; quoted, they are searched for.
//
// The package is pure: the current time is a parameter, and nothing is read or written.
package query
