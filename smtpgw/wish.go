package smtpgw

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cairn/consensus/record"
	"cairn/index/query/nearest"
	"cairn/mailstore/message"
	"cairn/mailstore/message/derive"
	"cairn/smtpgw/refuse"
)

// mustHave are the names of the components without which a record would prove nothing that matters:
// no wish leaves them out.
var mustHave = []string{
	"from", "from-name", "names", "date", "subject", "message-id", "text", "html", "attachment",
	"attachment-octets", "octets", "mime", "layout", "fields", "structure", "recipient", "custody",
}

// Limits of a Cairn-Components field.
const (
	maxWishOctets = 2048
	maxWishes     = 2 * message.MaxComponents
)

// ParseLeaveOut reads names of components that no record of an organisation has unless a message
// asks for them (Config.LeaveOut). The error says which can be left out.
func ParseLeaveOut(names []string) ([]message.Type, error) {
	var out []message.Type
	for _, name := range names {
		t, err := optional(name)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// ParseDerive reads names of derived components that the records of an organisation have unless a
// message does not want them (Config.Derive). The error says which there are.
func ParseDerive(names []string) ([]message.Type, error) {
	var out []message.Type
	for _, name := range names {
		t, ok := derive.ByName(name)
		if !ok {
			var can []string
			for _, t := range derive.Types() {
				can = append(can, t.String())
			}
			return nil, fmt.Errorf("there is no derived component %s; these can be derived: %s", clean(name), strings.Join(can, " "))
		}
		out = append(out, t)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// usual is the wish of a message that says nothing.
func (c *Config) usual() record.Wish {
	return record.Wish{LeftOut: slices.Clone(c.LeaveOut), Derive: slices.Clone(c.Derive)}
}

// parseWish reads the values of a message's Cairn-Components fields: words with commas between
// them, each a component that is to be recorded ("language", "+image-hash"), or not ("-language"),
// or "threshold=" with a percentage from 1 to 100. What it does not name is as usual has it. An
// error is the reply for the submitter.
func parseWish(values []string, usual record.Wish) (record.Wish, error) {
	w := record.Wish{LeftOut: slices.Clone(usual.LeftOut), Derive: slices.Clone(usual.Derive)}
	if len(values) > 1 {
		return w, refuse.With(550, 5, 6, 0, "message has %d Cairn-Components fields; write all wishes into one", len(values))
	}
	value := strings.Join(values, "")
	if len(value) > maxWishOctets || strings.Count(value, ",") >= maxWishes {
		return w, refuse.With(550, 5, 6, 0, "Cairn-Components has more than %d octets or %d wishes", maxWishOctets, maxWishes)
	}
	named := make(map[string]bool)
	for word := range strings.SplitSeq(value, ",") {
		if word = strings.ToLower(strings.TrimSpace(word)); word == "" {
			continue
		}
		if err := follow(&w, word, named); err != nil {
			return record.Wish{}, refuse.With(550, 5, 6, 0, "Cairn-Components: %v", err)
		}
	}
	slices.Sort(w.LeftOut)
	w.LeftOut = slices.Compact(w.LeftOut)
	slices.Sort(w.Derive)
	w.Derive = slices.Compact(w.Derive)
	return w, nil
}

// parseHold reads the values of a message's Cairn-Hold fields: whether it leaves only when its
// record is in a block. An error is the reply for the submitter.
func parseHold(values []string) (untilIncluded bool, err error) {
	if len(values) > 1 {
		return false, refuse.With(550, 5, 6, 0, "message has %d Cairn-Hold fields; one is allowed", len(values))
	}
	value := strings.ToLower(strings.TrimSpace(strings.Join(values, "")))
	switch value {
	case "until-included":
		return true, nil
	case "", "none":
		return false, nil
	}
	return false, refuse.With(550, 5, 6, 0, "Cairn-Hold: %s is no wish; write until-included or none", clean(value))
}

// follow adds one word to a wish. named are those that were there before.
func follow(w *record.Wish, word string, named map[string]bool) error {
	name, leave := strings.CutPrefix(word, "-")
	plus := false
	if !leave {
		name, plus = strings.CutPrefix(word, "+")
	}
	name = strings.TrimSpace(name)
	key, percent, isSetting := strings.Cut(name, "=")
	if isSetting {
		key = strings.TrimSpace(key)
	}
	if named[key] {
		return fmt.Errorf("%s is there twice", clean(key))
	}
	named[key] = true
	if isSetting {
		n, err := strconv.ParseUint(strings.TrimSpace(percent), 10, 8)
		if key != "threshold" || leave || plus {
			return fmt.Errorf("%s is no wish; write component, -component or threshold=80", clean(word))
		}
		if err != nil || n < 1 || n > 100 {
			return fmt.Errorf("threshold is a percentage from 1 to 100, not %s", clean(percent))
		}
		w.Threshold = int(n)
		return nil
	}
	if t, ok := derive.ByName(name); ok {
		w.Derive = slices.DeleteFunc(w.Derive, func(o message.Type) bool { return o == t })
		if !leave {
			w.Derive = append(w.Derive, t)
		}
		return nil
	}
	if !leave {
		t, err := component(name)
		if err != nil {
			return err
		}
		w.LeftOut = slices.DeleteFunc(w.LeftOut, func(o message.Type) bool { return o == t })
		return nil
	}
	t, err := optional(name)
	if err != nil {
		return err
	}
	w.LeftOut = append(w.LeftOut, t)
	return nil
}

// component finds a type by its name.
func component(name string) (message.Type, error) {
	var names []string
	for _, row := range message.Registry() {
		if row.Name == name {
			return row.Type, nil
		}
		names = append(names, row.Name)
	}
	if meant := nearest.Word(name, names); meant != "" {
		return 0, fmt.Errorf("there is no component %s; did you mean %s?", clean(name), meant)
	}
	return 0, fmt.Errorf("there is no component %s; cairn message components FILE lists those of a message", clean(name))
}

// optional finds a type that may be left out.
func optional(name string) (message.Type, error) {
	t, err := component(name)
	if err != nil {
		return 0, err
	}
	if t.Derived() {
		return 0, fmt.Errorf("%s is recorded only where it is asked for, and so is never left out", name)
	}
	if !slices.Contains(mustHave, name) {
		return t, nil
	}
	var can []string
	for _, row := range message.Registry() {
		if !slices.Contains(mustHave, row.Name) && !row.Type.Derived() {
			can = append(can, row.Name)
		}
	}
	return 0, fmt.Errorf("%s cannot be left out; these can: %s", name, strings.Join(can, " "))
}

// clean makes a foreign word fit for a reply.
func clean(s string) string {
	q := strconv.QuoteToASCII(s[:min(len(s), 40)])
	return strings.TrimSuffix(strings.TrimPrefix(q, `"`), `"`)
}
