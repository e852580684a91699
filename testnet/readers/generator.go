package readers

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// Pair is a recorded mail and what becomes of it.
type Pair struct {
	Number    int
	Base      string   // the mail that Sent was made from
	Odd       []string // mutations that made Sent from the base: odd mail may be recorded too
	Mutations []string // that made Received from Sent, in order
	Sent      []byte
	Received  []byte
}

// Generator makes pairs. The same seed, bases and number always give the same pair.
type Generator struct {
	seed     uint64
	bases    []Base
	families []family
}

// ErrUnknownFamily is the reason why mutations cannot be made: there are none of that name.
var ErrUnknownFamily = errors.New("unknown mutations")

// NewGenerator makes mutants of bases, at least one, by the families of mutations with those
// names; nil stands for all of them. Other families give other pairs for the same seed and number.
func NewGenerator(seed uint64, bases []Base, only []string) (*Generator, error) {
	g := &Generator{seed: seed, bases: bases}
	var known []string
	for _, f := range families() {
		known = append(known, f.name)
		if only == nil || slices.Contains(only, f.name) {
			g.families = append(g.families, f)
		}
	}
	for _, name := range only {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("%w %q, they are: %s", ErrUnknownFamily, name,
				strings.Join(known, ", "))
		}
	}
	if len(bases) == 0 || len(g.families) == 0 {
		return nil, errors.New("there is nothing to make mutants of")
	}
	return g, nil
}

// maxSteps is how many mutations a pair has at most, on each side.
const maxSteps = 3

// Pair makes the pair with that number.
func (g *Generator) Pair(number int) Pair {
	d := dice{rand.New(rand.NewPCG(g.seed, uint64(number)))}
	base := g.bases[d.IntN(len(g.bases))]
	p := Pair{Number: number, Base: base.Name, Sent: base.Raw}
	if d.IntN(5) == 0 {
		p.Sent, p.Odd = g.mutate(d, p.Sent, 1)
	}
	steps := 1
	for steps < maxSteps && d.IntN(5) < 2 {
		steps++
	}
	p.Received, p.Mutations = g.mutate(d, p.Sent, steps)
	return p
}

// mutate applies mutations, each drawn anew. One that finds nothing to change is drawn again.
func (g *Generator) mutate(d dice, raw []byte, steps int) ([]byte, []string) {
	var names []string
	for tries := 0; len(names) < steps && tries < 50; tries++ {
		f := g.families[d.IntN(len(g.families))]
		m := f.list[d.IntN(len(f.list))]
		if changed, ok := m.apply(d, raw); ok && !bytes.Equal(changed, raw) {
			raw, names = changed, append(names, f.name+"/"+m.name)
		}
	}
	return raw, names
}

// mutation is one trick. It gives false where the mail has no place for it.
type mutation struct {
	name  string
	apply func(d dice, raw []byte) ([]byte, bool)
}

// family is a group of mutations. Each family is drawn as often as the others.
type family struct {
	name string
	list []mutation
}

// families are all tricks.
func families() []family {
	return []family{
		{"honest", honest()}, {"honest-field", honestFields()},
		{"boundary", boundarySpellings()}, {"delimiter", delimiters()},
		{"charset", charsets()}, {"encoding", encodings()},
		{"structure", structures()}, {"part", partFields()},
		{"field", fieldEdits()}, {"header", headerLines()}, {"address", addressEdits()},
		{"word", wordEdits()}, {"date", dateEdits()}, {"octet", octets()},
	}
}

// tree is a mutation of a mail that is taken apart.
func tree(name string, change func(d dice, root *entity) bool) mutation {
	return mutation{name, func(d dice, raw []byte) ([]byte, bool) {
		root, err := parseMail(raw)
		if err != nil || len(root.fields) == 0 || !change(d, root) {
			return nil, false
		}
		return root.bytes(), true
	}}
}

// replaceField is a mutation that gives the first field of a name another value. It is given the
// value, and leaves the mail alone with an empty one.
func replaceField(name, field string, change func(d dice, value string) string) mutation {
	return tree(name, func(d dice, root *entity) bool {
		i := root.index(field)
		if i < 0 {
			return false
		}
		value := change(d, root.value(field))
		if value == "" {
			return false
		}
		root.fields[i] = field + ": " + value + crlf
		return true
	})
}

// dice is the chance that a pair is made with.
type dice struct{ *rand.Rand }

// token is a name that no mail has.
func (d dice) token() string { return "=_" + strconv.FormatUint(d.Uint64(), 36) }

// one draws from a list; the zero value from none.
func one[T any](d dice, list []T) (drawn T) {
	if len(list) == 0 {
		return drawn
	}
	return list[d.IntN(len(list))]
}

// evilText is what an attacker would have people read.
const evilText = "Hello,\r\n\r\nour account has changed. Pay to DE99 9999 9999.\r\n"

const evilHTML = "<html><body><p>our account has changed. Pay to DE99 9999 9999.</p></body></html>\r\n"

// evil are the attacker's parts: one for each genuine one, of its type.
func evil(parts []*entity) []*entity {
	var list []*entity
	for _, p := range parts {
		e := &entity{body: evilText}
		switch p.kind() {
		case "text/html":
			e.fields, e.body = []string{"Content-Type: text/html; charset=utf-8\r\n"}, evilHTML
		default:
			e.fields = []string{"Content-Type: text/plain; charset=utf-8\r\n"}
		}
		list = append(list, e)
	}
	return list
}

// between writes parts with their boundary lines, the closing one included.
func between(boundary string, parts []*entity) string {
	e := entity{boundary: boundary, parts: parts, epilogue: crlf}
	return strings.TrimPrefix(string(e.bytes()), crlf)
}
