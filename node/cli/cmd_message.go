package cli

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"cairn/consensus/record"
	"cairn/mailstore/message"
	"cairn/mailstore/message/derive"
	"cairn/node"
	"cairn/node/api"
)

func (a *app) cmdMessage() *cobra.Command {
	return group("message", "Look into messages in files, without a node", a.cmdComponents(), a.cmdCompare(), a.cmdReport())
}

// components is what "cairn message components" prints.
type components struct {
	api.Document
	File       string      `json:"file"`
	Components []component `json:"components"`
}

type component struct {
	Component string `json:"component"`
	Number    uint8  `json:"number"` // of the type, as in tokens
	Index     int    `json:"index"`
	Reading   uint8  `json:"reading"`           // 1 canonical, 2 octets
	Charset   string `json:"charset,omitempty"` // of canonical text that is not in UTF-8
	Bytes     int    `json:"bytes"`
	SHA256    string `json:"sha256"`            // of what is committed to: reading, content and charset
	Content   string `json:"content,omitempty"` // where it is text
}

func (a *app) cmdComponents() *cobra.Command {
	var recipients []string
	var derived bool
	c := &cobra.Command{
		Use:   "components FILE",
		Short: "List the parts of a message that a record commits to",
		Args:  exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			to, err := envelope(c, recipients)
			if err != nil {
				return err
			}
			raw, err := a.read(c.Context(), args[0])
			if err != nil {
				return fmt.Errorf("reading the message: %w", err)
			}
			if err := checkMail(args[0], raw); err != nil {
				return err
			}
			doc := &components{File: args[0], Components: []component{}}
			rows := [][]string{{"COMPONENT", "INDEX", "BYTES", "SHA-256", "CONTENT"}}
			d := message.DissectFile(raw, to)
			parts := d.Components()
			if derived {
				parts = derive.Append(parts, d, derive.Types())
			}
			for _, p := range parts {
				sum := p.Digest()
				v := component{
					Component: p.Type.String(), Number: uint8(p.Type), Index: int(p.Index), Reading: uint8(p.Reading), Charset: p.Label,
					Bytes: p.Size(), SHA256: hex.EncodeToString(sum[:]),
				}
				if utf8.Valid(p.Content()) {
					v.Content = string(p.Content())
				}
				doc.Components = append(doc.Components, v)
				rows = append(rows, []string{v.Component, fmt.Sprint(v.Index), fmt.Sprint(v.Bytes), v.SHA256[:16], line(v.Content, 60)})
			}
			return a.print(doc, func(b *bytes.Buffer) { table(b, rows) })
		},
	}
	c.Flags().StringArrayVar(&recipients, "recipient", nil, "envelope recipient; may be given several times")
	c.Flags().BoolVar(&derived, "derived", false, "list derived ones too, which are recorded where that is asked for")
	return c
}

// comparison is what "cairn message compare" prints.
type comparison struct {
	api.Document
	Same     int        `json:"same"`
	Kept     int        `json:"kept"` // the same, or different as an honest relay makes it
	Recorded int        `json:"recorded"`
	Extra    int        `json:"extra"`
	Share    float64    `json:"share"`
	AllSame  bool       `json:"all_same"`
	AsSent   bool       `json:"as_sent"` // the body is the octets that were sent
	Wanted   bool       `json:"wanted"`  // nothing differs that no honest relay makes differ
	Parts    []api.Part `json:"parts"`
}

func (a *app) cmdCompare() *cobra.Command {
	return &cobra.Command{
		Use:   "compare SENT RECEIVED",
		Short: "Compare two messages part by part",
		Long: `Compare two messages part by part, as a recipient's node compares what arrived with what was recorded. The exit code
is 0 when all parts are the same and nothing was added but traces of the way; 4 when not.`,
		Args: exactly(2),
		RunE: func(c *cobra.Command, args []string) error {
			if err := oneStdin(c, args); err != nil {
				return err
			}
			var parts [2]*message.Dissection
			for i, file := range args {
				raw, err := a.read(c.Context(), file)
				if err != nil {
					return fmt.Errorf("reading the message: %w", err)
				}
				if err := checkMail(file, raw); err != nil {
					return err
				}
				parts[i] = message.DissectFile(raw, nil)
			}
			r := record.CompareMessages(parts[0], parts[1], record.Context{})
			doc := &comparison{
				Same: r.Same, Kept: r.Kept, Recorded: r.Recorded, Extra: r.Extra, Share: r.Share(),
				AllSame: r.AllSame(), AsSent: r.AsSent, Wanted: r.MayBeWanted(), Parts: node.PartViews(r),
			}
			if !doc.AllSame {
				a.exit = 4
			}
			return a.print(doc, func(b *bytes.Buffer) {
				fmt.Fprintf(b, "%d of %s as sent", r.Kept, plural(r.Recorded, "part"))
				if r.Extra > 0 {
					fmt.Fprintf(b, ", %d added", r.Extra)
				}
				fmt.Fprintf(b, ": %.0f %%\n", 100*r.Share())
				showParts(b, doc.Parts, nil)
				fmt.Fprintln(b, "  not compared: the envelope recipient, which is in no file; show and verify --recipient count it")
			})
		},
	}
}
