package query

// Simplify returns a query that finds the same as q: nested and / or are joined, repetitions and
// double negations removed, and All is dropped where it decides nothing. A query that can find
// nothing becomes Not{All{}}.
func Simplify(q Q) Q {
	switch q := q.(type) {
	case And:
		return simplifyAnd(q.List)
	case Or:
		return simplifyOr(q.List)
	case Not:
		inner := Simplify(q.Q)
		if not, ok := inner.(Not); ok {
			return not.Q
		}
		return Not{inner}
	case Near:
		// Inside near, and / or speak of places, not of messages, so they stay as they are.
		return q
	case Field:
		return Field{q.Name, Simplify(q.Q)}
	}
	return q
}

func isNothing(q Q) bool {
	not, ok := q.(Not)
	if !ok {
		return false
	}
	_, ok = not.Q.(All)
	return ok
}

func simplifyAnd(list []Q) Q {
	var out []Q
	seen := make(map[string]bool)
	for _, c := range list {
		c = Simplify(c)
		parts := []Q{c}
		if and, ok := c.(And); ok {
			parts = and.List
		}
		for _, p := range parts {
			_, all := p.(All)
			if isNothing(p) {
				return p
			}
			if key := p.String(); !all && !seen[key] {
				seen[key] = true
				out = append(out, p)
			}
		}
	}
	switch len(out) {
	case 0:
		return All{}
	case 1:
		return out[0]
	}
	return And{out}
}

func simplifyOr(list []Q) Q {
	var out []Q
	seen := make(map[string]bool)
	for _, c := range list {
		c = Simplify(c)
		parts := []Q{c}
		if or, ok := c.(Or); ok {
			parts = or.List
		}
		for _, p := range parts {
			if _, all := p.(All); all {
				return p
			}
			if key := p.String(); !isNothing(p) && !seen[key] {
				seen[key] = true
				out = append(out, p)
			}
		}
	}
	switch len(out) {
	case 0:
		return Not{All{}}
	case 1:
		return out[0]
	}
	return Or{out}
}
