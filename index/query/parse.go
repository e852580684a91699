package query

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	maxText  = 8 << 10 // bytes of a query
	maxDepth = 64      // of parentheses and negations
)

// Parse reads a query. now is the moment that today and yesterday are of, and its location is the
// one in which days begin. Errors are of type *Error.
func Parse(text string, now time.Time) (Q, error) {
	if !utf8.ValidString(text) {
		return nil, faultAt(0, "the query is not valid UTF-8")
	}
	q, err := parse(text, now)
	if fault, ok := errors.AsType[*Error](err); ok {
		fault.Pos = utf8.RuneCountInString(text[:fault.Pos])
	}
	return q, err
}

// parse is Parse with positions in octets.
func parse(text string, now time.Time) (Q, error) {
	if len(text) > maxText {
		at := maxText
		for !utf8.RuneStart(text[at]) {
			at--
		}
		return nil, faultAt(at, "the query has %d bytes; the limit is %d", len(text), maxText)
	}
	p := &parser{lexer: lexer{text: text}, now: now}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.token.kind == tokenEnd {
		return All{}, nil
	}
	q, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.token.kind != tokenEnd {
		return nil, faultAt(p.token.pos, "this %s closes nothing; remove it or open one before", p.token.text)
	}
	return q, nil
}

// parser descends; token is the one that is looked at.
type parser struct {
	lexer   lexer
	token   token
	now     time.Time
	inField FieldName // set inside field:( )
	depth   int
}

func (p *parser) advance() (err error) {
	p.token, err = p.lexer.next()
	return err
}

func (p *parser) enter() error {
	p.depth++
	if p.depth > maxDepth {
		return faultAt(p.token.pos, "the query is nested more than %d deep; make it flatter", maxDepth)
	}
	return nil
}

func (p *parser) isOperator(words ...string) bool {
	return p.token.kind == tokenWord && slices.Contains(words, strings.ToLower(p.token.text))
}

// nearDistance tells whether the token is near, near/N or AROUND, which takes the N behind it.
func (p *parser) nearDistance() (distance int, found bool, err error) {
	if p.token.kind != tokenWord {
		return 0, false, nil
	}
	if p.token.text == "AROUND" {
		ahead := *p
		if err := ahead.advance(); err != nil || ahead.token.kind != tokenWord {
			return 0, false, nil
		}
		distance, fault := strconv.Atoi(ahead.token.text)
		if fault != nil || distance < 1 || distance > MaxDistance {
			return 0, false, nil
		}
		p.lexer, p.token = ahead.lexer, ahead.token
		return distance, true, nil
	}
	word := strings.ToLower(p.token.text)
	if word == "near" {
		return DefaultDistance, true, nil
	}
	number, found := strings.CutPrefix(word, "near/")
	if !found {
		return 0, false, nil
	}
	distance, fault := strconv.Atoi(number)
	if fault != nil || distance < 1 || distance > MaxDistance {
		return 0, false, faultAt(p.token.pos, "near/ needs a number of words from 1 to %d, as in near/5", MaxDistance)
	}
	return distance, true, nil
}

// ends tells whether no operand can begin here.
func (p *parser) ends() bool { return p.token.kind == tokenEnd || p.token.kind == tokenClose }

func (p *parser) isOr() bool { return p.token.kind == tokenOr || p.isOperator("or") }

func (p *parser) or() (Q, error) {
	list, err := p.list(p.and, func() (bool, error) {
		if !p.isOr() {
			return false, nil
		}
		return true, p.advance()
	})
	return oneOf(list, func(l []Q) Q { return Or{l} }), err
}

func (p *parser) and() (Q, error) {
	list, err := p.list(p.not, func() (bool, error) {
		if p.isOperator("and") {
			return true, p.advance()
		}
		return !p.ends() && !p.isOr(), nil
	})
	return oneOf(list, func(l []Q) Q { return And{l} }), err
}

// list parses operands as long as more says that another follows.
func (p *parser) list(operand func() (Q, error), more func() (bool, error)) ([]Q, error) {
	var list []Q
	for {
		q, err := operand()
		if err != nil {
			return nil, err
		}
		list = append(list, q)
		if again, err := more(); err != nil || !again {
			return list, err
		}
	}
}

func oneOf(list []Q, many func([]Q) Q) Q {
	if len(list) == 1 {
		return list[0]
	}
	return many(list)
}

func (p *parser) not() (Q, error) {
	if p.token.kind != tokenMinus && !p.isOperator("not") {
		return p.near()
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	if err := p.advance(); err != nil {
		return nil, err
	}
	q, err := p.not()
	if err != nil {
		return nil, err
	}
	return Not{q}, nil
}

func (p *parser) near() (Q, error) {
	start := p.token.pos
	left, err := p.atom()
	for err == nil {
		distance, found, fault := p.nearDistance()
		if fault != nil {
			return nil, fault
		}
		if !found {
			return left, nil
		}
		if err := checkPlaces(left, start); err != nil {
			return nil, err
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
		start = p.token.pos
		right, fault := p.atom()
		if fault != nil {
			return nil, fault
		}
		if err := checkPlaces(right, start); err != nil {
			return nil, err
		}
		left = Near{left, right, distance}
	}
	return nil, err
}

// checkPlaces returns an error if q is not about places in a text, so that nothing can be near it.
func checkPlaces(q Q, pos int) error {
	var err error
	Walk(q, func(q Q) {
		switch q.(type) {
		case And, Or, Near, Term, Prefix, Phrase:
		default:
			err = faultAt(pos, "near takes words, phrases and groups of them, not %s; a field goes around it: subject:(a near b)", q)
		}
	})
	return err
}

func (p *parser) atom() (Q, error) {
	t := p.token
	switch t.kind {
	case tokenEnd:
		return nil, faultAt(t.pos, "the query ends where a word should follow")
	case tokenClose:
		return nil, faultAt(t.pos, "a word should stand before this %s", t.text)
	case tokenMinus:
		return nil, faultAt(t.pos, "a %s cannot stand here; write not in front of the whole, or put the word in quotes", t.text)
	case tokenOr:
		return nil, faultAt(t.pos, "%s needs a word on each side it joins; to search for it, put it in quotes", t.text)
	case tokenOpen:
		return p.group()
	case tokenField:
		return p.field()
	case tokenPhrase:
		return Phrase{t.text}, p.advance()
	}
	if p.isOperator("or", "and", "not", "near") || strings.HasPrefix(strings.ToLower(t.text), "near/") {
		return nil, faultAt(t.pos, "%s needs a word on each side it joins; to search for the word itself, put it in quotes", t.text)
	}
	if p.inField == "" {
		if t.text == "*" {
			return All{}, p.advance()
		}
		if d, found, err := bareDate(t.text, t.pos, p.now); err != nil || found {
			if err != nil {
				return nil, err
			}
			return d, p.advance()
		}
	}
	if t.text == "AROUND" { // no operator here, nor may it become one where it is written again
		t.text = "around"
	}
	q, err := wordOrPrefix(t)
	if err != nil {
		return nil, err
	}
	return q, p.advance()
}

func wordOrPrefix(t token) (Q, error) {
	stem, found := strings.CutSuffix(t.text, "*")
	if !found {
		return Term{t.text}, nil
	}
	if stem == "" {
		return nil, faultAt(t.pos, "* needs the beginning of a word before it, as in invo*")
	}
	return Prefix{stem}, nil
}

// group parses ( or ), or { a b } of which one is enough; the token is what opens it.
func (p *parser) group() (Q, error) {
	open, inside, closing := p.token, p.or, ")"
	if open.text == "{" {
		inside, closing = p.anyOf, "}"
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	if err := p.advance(); err != nil {
		return nil, err
	}
	q, err := inside()
	if err != nil {
		return nil, err
	}
	if p.token.kind != tokenClose || p.token.text != closing {
		return nil, faultAt(open.pos, "the %s that begins here is not closed", open.text)
	}
	return q, p.advance()
}

// anyOf parses what stands between braces.
func (p *parser) anyOf() (Q, error) {
	list, err := p.list(p.not, func() (bool, error) {
		if p.isOr() {
			return true, p.advance()
		}
		return !p.ends(), nil
	})
	return oneOf(list, func(l []Q) Q { return Or{l} }), err
}
