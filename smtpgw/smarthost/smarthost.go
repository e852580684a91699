// Package smarthost picks the way of mail out by the domains of its recipient and its sender. It
// does no I/O.
package smarthost

import (
	"fmt"
	"slices"
	"strings"
)

// Rule is for whose mail a way out is: to a recipient's domain of To, from an envelope sender's of
// From; an empty list stands for all. A domain stands for itself, one with a dot in front for all
// below it. They are canonical.
type Rule struct{ To, From []string }

// Table picks rules. The zero Table, and nil, have none.
type Table struct {
	byTo map[string]map[string]int // rules, by what stands in To and in From; "" is all
}

// DuplicateError says that two rules are for the same mail. They are numbered from 0.
type DuplicateError struct {
	First, Second int
	To, From      string // empty: all
}

func (e *DuplicateError) Error() string {
	return fmt.Sprintf("entries %d and %d are both for mail to %s from %s", e.First+1, e.Second+1, orAll(e.To), orAll(e.From))
}

func orAll(domain string) string {
	if domain == "" {
		return "all domains"
	}
	return domain
}

// New makes a table. An error is a *DuplicateError.
func New(rules []Rule) (*Table, error) {
	t := &Table{byTo: make(map[string]map[string]int)}
	for i, r := range rules {
		for _, to := range orEmpty(r.To) {
			for _, from := range orEmpty(r.From) {
				if t.byTo[to] == nil {
					t.byTo[to] = make(map[string]int)
				}
				if first, taken := t.byTo[to][from]; taken {
					return nil, &DuplicateError{first, i, to, from}
				}
				t.byTo[to][from] = i
			}
		}
	}
	return t, nil
}

func orEmpty(list []string) []string {
	if len(list) == 0 {
		return []string{""}
	}
	return list
}

// Pick returns which rule mail goes by, from an envelope sender's domain, "" for the null sender,
// to a recipient's: the one with the longest match of the recipient, of these the one with the
// longest of the sender. ok is false where none is for it.
func (t *Table) Pick(from, to string) (rule int, ok bool) {
	if t == nil {
		return 0, false
	}
	for _, at := range matching(to) {
		for _, of := range matching(from) {
			if rule, ok := t.byTo[at][of]; ok {
				return rule, true
			}
		}
	}
	return 0, false
}

// Possible returns the rules that somebody's mail to a domain goes by, in their order. others
// reports whether mail of other senders goes by none.
func (t *Table) Possible(to string) (rules []int, others bool) {
	if t == nil {
		return nil, true
	}
	for _, at := range matching(to) {
		for _, rule := range t.byTo[at] {
			rules = append(rules, rule)
		}
		if _, all := t.byTo[at][""]; all {
			slices.Sort(rules)
			return slices.Compact(rules), false
		}
	}
	slices.Sort(rules)
	return slices.Compact(rules), true
}

// matching are the forms that stand for a domain, the longest first.
func matching(domain string) []string {
	if domain == "" {
		return []string{""}
	}
	forms := []string{domain}
	if !strings.HasPrefix(domain, "[") { // an address of a machine has no domain above it
		for i, c := range []byte(domain) {
			if c == '.' && i > 0 {
				forms = append(forms, domain[i:])
			}
		}
	}
	return append(forms, "")
}
