package cli

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"cairn/consensus"
	"cairn/node"
	"cairn/node/api"
)

// made is what init and join print.
type made struct {
	api.Document
	Directory string         `json:"directory"`
	Org       api.OrgSummary `json:"organisation"`
	Network   *madeNetwork   `json:"network,omitempty"`
}

type madeNetwork struct {
	Name    string `json:"name"`
	ChainID string `json:"chain_id"`
	Genesis string `json:"genesis"`
}

func madeNetworkOf(g *consensus.Genesis) *madeNetwork {
	return &madeNetwork{Name: g.Params.Name, ChainID: g.Params.ChainID().String(), Genesis: g.Block.ID().String()}
}

func (a *app) cmdInit() *cobra.Command {
	var (
		domains, p2pListen                                                       []string
		name, hostname, network, networkName, submission, inbound, mine, records string
		blockTime                                                                time.Duration
	)
	c := &cobra.Command{
		Use:   "init --domain DOMAIN",
		Short: "Make a node: keys, configuration and, if asked, a new network",
		Long: `Make a node in an empty directory: its three keys, cairn.toml and, with --network, a new network whose first member
it is. Without --network the node joins one later with "cairn join". Nothing is ever overwritten.

  --network new     a network between organisations: a block every 30 seconds, an enrolment costs minutes of work
  --network local   a network to try things out on one machine: a block a second, an enrolment costs nothing much`,
		Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			if len(domains) == 0 {
				return usage(c, "--domain is missing: the mail domain of your organisation")
			}
			for i, d := range domains {
				canonical, err := node.CanonicalDomain(d)
				if err != nil {
					return usage(c, "--domain: %v", err)
				}
				domains[i] = canonical
			}
			if name == "" {
				name = domains[0]
			}
			cfg := node.DefaultConfig(name, domains)
			for flag, set := range map[string]func(){
				"hostname":   func() { cfg.Hostname = hostname },
				"submission": func() { cfg.Submission.Listen = submission },
				"inbound":    func() { cfg.Inbound.Listen = inbound },
				"p2p":        func() { cfg.P2P.Listen = p2pListen },
				"mine":       func() { cfg.Mine = mine },
				"records":    func() { cfg.Organisation.Records = records },
			} {
				if c.Flags().Changed(flag) {
					set()
				}
			}
			if err := cfg.Validate(); err != nil {
				return badFlag(c, err)
			}
			o := node.InitOptions{Dir: a.dir, Config: cfg, Now: time.Now()}
			if networkName == "" {
				networkName = name
			}
			if network != "" && len(networkName) > consensus.MaxNetworkName {
				return usage(c, "--network-name: %q has more than %d bytes", networkName, consensus.MaxNetworkName)
			}
			switch network {
			case "":
			case "new":
				o.Network = node.PublicNetwork(networkName)
			case "local":
				o.Network = node.LocalNetwork(networkName)
			default:
				return usage(c, "--network %q is neither new nor local", network)
			}
			if o.Network == nil && (c.Flags().Changed("network-name") || c.Flags().Changed("block-time")) {
				return usage(c, "--network-name and --block-time are for a new network: add --network new or --network local")
			}
			if c.Flags().Changed("block-time") {
				o.Network.BlockInterval = blockTime
			}
			return a.init(c, o)
		},
	}
	f := c.Flags()
	f.StringSliceVar(&domains, "domain", nil, "mail domain of the organisation; may be given several times")
	f.StringVar(&name, "name", "", "name of the organisation (default: the first domain)")
	f.StringVar(&network, "network", "", "found a network: new or local")
	f.StringVar(&networkName, "network-name", "", "name of the new network (default: the organisation's name)")
	f.DurationVar(&blockTime, "block-time", 0, "time between blocks of the new network")
	f.StringVar(&hostname, "hostname", "", "name the node greets with (default: mail.DOMAIN)")
	f.StringVar(&submission, "submission", "", "where to take mail from our own programs (default 127.0.0.1:2525)")
	f.StringVar(&inbound, "inbound", "", "where to take mail from other servers (default 127.0.0.1:2526)")
	f.StringSliceVar(&p2pListen, "p2p", nil, "where to take connections of other nodes, as multiaddr (default port 4801)")
	f.StringVar(&mine, "mine", "", `how much of this machine looks for blocks: off, 10% of a core, 2 cores (default "10%")`)
	f.StringVar(&records, "records", "", `what the organisation declares to record: all, some, none (default "some")`)
	return c
}

// badFlag tells which value cannot go into the configuration, and what could.
func badFlag(c *cobra.Command, err error) *api.Error {
	e := usage(c, "%v", err)
	if config, ok := errors.AsType[*node.ConfigError](err); ok {
		e.Hint = config.Hint()
	}
	return e
}

func (a *app) init(c *cobra.Command, o node.InitOptions) error {
	var done func()
	o.Progress, done = a.stampProgress()
	id, err := node.Init(c.Context(), o)
	done()
	if err != nil {
		return err
	}
	org := o.Config.Organisation
	doc := &made{Directory: a.dir, Org: api.OrgSummary{Name: org.Name, Domains: org.Domains, Key: id.OrgKey().String()}}
	if o.Network != nil {
		g, err := node.LoadNetwork(a.dir)
		if err != nil {
			return err
		}
		doc.Network = madeNetworkOf(g)
	}
	return a.print(doc, func(b *bytes.Buffer) {
		fmt.Fprintf(b, "%s has a node in %s\n  organisation key %s (keep a copy of %s/keys)\n", org.Name, a.dir, doc.Org.Key, a.dir)
		if n := doc.Network; n != nil {
			fmt.Fprintf(b, "  first member of the network %s, chain %s\nNext: %s\n", n.Name, n.ChainID, a.complete("cairn run"))
			return
		}
		fmt.Fprintf(b, "Next: %s\n", a.complete("cairn join INVITE"))
	})
}
