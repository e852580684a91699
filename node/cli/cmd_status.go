package cli

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cairn/node"
	"cairn/node/api"
)

func (a *app) cmdStatus() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Tell how the running node is",
		Args:  exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			client := a.client()
			defer client.Close()
			s, err := client.Status(c.Context())
			if err != nil {
				return err
			}
			return a.print(s, func(b *bytes.Buffer) {
				enrolled := "enrolled"
				if !s.Org.Enrolled {
					enrolled = "not in a block yet"
				}
				rows := [][2]string{
					{"node", fmt.Sprintf("%s, %s, up %v", s.Hostname, s.Software, time.Since(s.Started).Round(time.Second))},
					{"organisation", fmt.Sprintf("%s (%s), %s", s.Org.Name, strings.Join(s.Org.Domains, ", "), enrolled)},
					{"network", fmt.Sprintf("%s, chain %s, block %d%s", s.Chain.Network, s.Chain.ChainID, s.Chain.Height, syncNote(&s.Chain))},
					{"peers", fmt.Sprint(s.Peers)},
					{"mining", s.Chain.Mining},
					{"mail", fmt.Sprintf("%s, %s, %d on their way, %d waiting for a block",
						plural(s.Mail.Accounts, "account"), plural(s.Mail.Messages, "message"), s.Mail.Queued, s.Mail.Pending)},
					{"not recorded", s.Mail.Halted},
					{"submission", s.Listen.Submission},
					{"inbound", s.Listen.Inbound},
				}
				for _, p := range s.Listen.P2P {
					rows = append(rows, [2]string{"p2p", p})
				}
				for _, row := range rows {
					if row[1] != "" {
						fmt.Fprintf(b, "%-13s %s\n", row[0], line(row[1], 0))
					}
				}
			})
		},
	}
}

func syncNote(s *api.ChainStatus) string {
	if s.Syncing {
		return fmt.Sprintf(" of %d, catching up", s.SyncTarget)
	}
	return ""
}

// version is what "cairn version" prints.
type version struct {
	api.Document
	Software string `json:"software"` // "cairn/<version>"
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func (a *app) cmdVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program",
		Args:  exactly(0),
		RunE: func(*cobra.Command, []string) error {
			v := &version{Software: node.Software, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
			return a.print(v, func(b *bytes.Buffer) { fmt.Fprintf(b, "%s, %s %s\n", v.Software, v.Go, v.Platform) })
		},
	}
}
