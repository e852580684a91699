// Package spf says whether a domain lets an address send mail in its name (RFC 7208). Explanations
// (exp=) are a stranger's text and are not fetched.
package spf
