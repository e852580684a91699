package cli

import (
	"bytes"
	"fmt"
	"slices"

	"cairn/testnet/verdicts"
)

const (
	maxHow     = 64 // characters of how a pair was made
	maxReasons = 4  // of one pair that are shown; the document has all
	maxReason  = 160
)

func showBenchVerdicts(b *bytes.Buffer, doc *benchVerdicts) {
	benign, tamper := doc.Classes[verdicts.Benign], doc.Classes[verdicts.Tamper]
	fmt.Fprintf(b, "%s, %s", plural(benign.Pairs, "benign pair"), plural(tamper.Pairs, "tampered pair"))
	if unknown := doc.Classes[verdicts.Unknown]; unknown != nil {
		fmt.Fprintf(b, ", %s of which nobody says what happened", plural(unknown.Pairs, "pair"))
	}
	fmt.Fprintln(b)
	for _, word := range doc.Unread {
		fmt.Fprintf(b, "class %q is neither benign nor tamper: its pairs count for no target\n", line(word, maxHow))
	}
	fmt.Fprintln(b)
	showCounts(b, "HOW", doc.Kinds)
	fmt.Fprintln(b)
	var totals []verdicts.Kind
	for _, class := range []verdicts.Class{verdicts.Benign, verdicts.Tamper, verdicts.Unknown} {
		if both := doc.Classes[class]; both != nil && both.Pairs > 0 {
			for _, k := range doc.Sources {
				if k.Class == class {
					totals = append(totals, k)
				}
			}
			totals = append(totals, verdicts.Kind{How: "all", Class: class, Both: *both})
		}
	}
	showCounts(b, "SOURCE", totals)
	if benign.Known != nil {
		fmt.Fprintln(b,
			"\nCounted with what recipients would know; the last column is the inbox with nothing known.")
	} else {
		fmt.Fprintln(b, "\nCounted with nothing known: no list, no address map, no banner.")
	}
	showRest(b, doc.Rest)
	if len(doc.Targets) > 0 {
		fmt.Fprintln(b, "\nTargets:")
	}
	for _, t := range doc.Targets {
		state := "missed"
		if t.Holds {
			state = "holds"
		}
		fmt.Fprintf(b, "  %-6s  %s\n", state, t.Target)
	}
}

func showCounts(b *bytes.Buffer, what string, kinds []verdicts.Kind) {
	rows := [][]string{{
		"CLASS", what, "PAIRS", "VERIFIED", "VOUCHED", "CHANGED", "SPAM", "INVALID", "INBOX", "DIRECT",
	}}
	for _, k := range kinds {
		how := line(k.How, maxHow)
		if how == "" {
			how = "-"
		}
		row := []string{string(k.Class), how}
		for _, n := range []int{
			k.Pairs, k.Verified, k.Vouched, k.Changed, k.Spam, k.Invalid, k.Inbox, k.Direct.Inbox,
		} {
			row = append(row, fmt.Sprint(n))
		}
		rows = append(rows, row)
	}
	table(b, rows)
}

// showRest tells of each pair that did not come out as it should, why.
func showRest(b *bytes.Buffer, rest []verdicts.Rest) {
	if len(rest) == 0 {
		fmt.Fprintln(b, "\nEach pair is where its class says: what is tampered with in spam, the others in the inbox.")
		return
	}
	fmt.Fprintf(b, "\n%s in the wrong place:\n", plural(len(rest), "pair"))
	for _, p := range rest {
		fmt.Fprintf(b, "\n%s: %s, %s, filed under %s\n", line(p.Pair, 80), p.Class, p.Verdict, p.Filed)
		for _, known := range p.Known {
			fmt.Fprintf(b, "  known: %s\n", line(known, maxReason))
		}
		showSome(b, "decides: ", p.Decides)
		showSome(b, "", slices.DeleteFunc(slices.Clone(p.Reasons), func(reason string) bool {
			return slices.Contains(p.Decides, reason)
		}))
	}
}

// showSome prints the first of a list of reasons.
func showSome(b *bytes.Buffer, what string, reasons []string) {
	for i, reason := range reasons {
		if i == maxReasons {
			fmt.Fprintf(b, "  and %d more\n", len(reasons)-i)
			break
		}
		fmt.Fprintf(b, "  %s%s\n", what, line(reason, maxReason))
	}
}
