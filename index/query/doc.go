// Package query is the language in which people ask for mail, as a tree: [Parse] makes it from
// text, String gives the text back, [Simplify] makes it smaller without changing what it finds.
//
// The grammar, loosest binding first:
//
//	query   = or
//	or      = and { ( "or" | "|" ) and }
//	and     = not { [ "and" ] not }
//	not     = ( "not" | "-" | "!" ) not | near
//	near    = atom { ( "near" | "near/" number | "AROUND" number ) atom }
//	atom    = group | word | word "*" | "*" | phrase | field ":" value | day | day "-" day
//	group   = "(" or ")" | "{" not { [ "or" | "|" ] not } "}"
//	value   = word | word "*" | phrase | group
//
// A word ends at white space, a parenthesis, a brace, a bar or a double quote. In a phrase, \" is a
// quote and \\ a backslash. The operator words are not case-sensitive, but for AROUND; quoted, they
// are searched for. What the fields are and mean, doc/query.md says.
//
// The package is pure: the current time is a parameter, and nothing is read or written.
package query
