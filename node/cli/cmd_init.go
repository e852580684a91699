package cli

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"cairn/consensus"
	"cairn/node"
	"cairn/node/api"
	"cairn/node/home"
	"cairn/node/membership"
)

// made is what init and join print.
type made struct {
	api.Document
	Directory string         `json:"directory"`
	Org       api.OrgSummary `json:"organisation"`
	Network   *madeNetwork   `json:"network,omitempty"`

	Trusted    []madeTrust `json:"trusted,omitempty"`    // of other organisations, on the word of the invite
	Unanswered []string    `json:"unanswered,omitempty"` // addresses of the invite where nobody answers

	RecoveryKey string `json:"recovery_key,omitempty"`  // file with it, to be taken offline
	OrgKeyAside string `json:"org_key_aside,omitempty"` // where keys/org.pem was put that is not the enrolment's
}

// noteRecovery names the recovery key that was made in the node's directory, if there is one.
func (d *made) noteRecovery(dir string) {
	if node.HasRecoveryKey(dir) {
		d.RecoveryKey = filepath.Join(dir, filepath.FromSlash(home.RecoveryKey))
	}
}

// keyFile is where the organisation's key is.
func (a *app) keyFile() string { return filepath.Join(a.dir, filepath.FromSlash(home.OrgKey)) }

// tellRecovery says what to do with the recovery key.
func (a *app) tellRecovery(b *bytes.Buffer, d *made) {
	if d.RecoveryKey != "" {
		fmt.Fprintf(b, "  recovery key %s, which can take the organisation back from a thief: take it offline with\n    %s\n",
			d.RecoveryKey, a.typable("cairn org recovery-key -o FILE"))
	}
}

type madeNetwork struct {
	Name    string `json:"name"`
	ChainID string `json:"chain_id"`
	Genesis string `json:"genesis"`

	Params    uint16 `json:"params"` // version of its parameters
	Attesters uint8  `json:"attesters,omitempty"`
}

func madeNetworkOf(g *consensus.Genesis) *madeNetwork {
	return &madeNetwork{
		Name: g.Params.Name, ChainID: g.Params.ChainID().String(), Genesis: g.Block.ID().String(),
		Params: g.Params.Version, Attesters: g.Params.Attesters,
	}
}

// String names the network and says what is fixed in it.
func (n *madeNetwork) String() string {
	s := fmt.Sprintf("%s, chain %s, parameters of version %d", n.Name, n.ChainID, n.Params)
	if n.Attesters > 0 {
		s += fmt.Sprintf("; %s attest to each new member", plural(int(n.Attesters), "member"))
	}
	return s
}

// initFlags are what init is told about the node to be made.
type initFlags struct {
	domains, p2pListen                                                       []string
	name, hostname, network, networkName, submission, inbound, mine, records string
	blockTime                                                                time.Duration
	params                                                                   uint16
	attesters                                                                uint8
}

func (a *app) cmdInit() *cobra.Command {
	var given initFlags
	c := &cobra.Command{
		Use:   "init --domain DOMAIN",
		Short: "Make a node: keys, configuration and, if asked, a new network",
		Long: `Make a node in an empty directory: its three keys, cairn.toml and, with --network, a new network whose first member
it is. Without --network the node joins one later with "cairn join". Nothing is ever overwritten. If the command is killed, run
it again: it goes on with what was made, with the same flags or with --domain alone.

  --network new     a network between organisations: a block every 30 seconds, an enrolment costs minutes of work
  --network local   a network to try things out on one machine: a block a second, an enrolment costs nothing much, and
                    unless --p2p says otherwise only this machine is listened to

A network's parameters are fixed when it is founded. Those of version 2, the default, let organisations change, replace
their keys and go on from a backup; --params 1 founds a network as programs before them know it. Whoever pays for an
enrolment may join, unless --attesters says how many members have to attest to each new one (all, while there are fewer).`,
		Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := given.config(c)
			if err != nil {
				return err
			}
			founded, err := given.founded(c, cfg.Organisation.Name)
			if err != nil {
				return err
			}
			return a.init(c, node.InitOptions{Dir: a.dir, Config: cfg, Network: founded, Now: time.Now()})
		},
	}
	f := c.Flags()
	f.StringSliceVar(&given.domains, "domain", nil, "mail domain of the organisation; may be given several times")
	f.StringVar(&given.name, "name", "", "name of the organisation (default: the first domain)")
	f.StringVar(&given.network, "network", "", "found a network: new or local")
	f.StringVar(&given.networkName, "network-name", "", "name of the new network (default: the organisation's name)")
	f.DurationVar(&given.blockTime, "block-time", 0, "time between blocks of the new network")
	f.Uint16Var(&given.params, "params", consensus.ParamsV2, "version of the new network's parameters: 1 or 2")
	f.Uint8Var(&given.attesters, "attesters", 0, "members that have to attest to a new one in the new network; 0 for none")
	f.StringVar(&given.hostname, "hostname", "", "name the node greets with (default: mail.DOMAIN)")
	f.StringVar(&given.submission, "submission", "", "where to take mail from our own programs (default 127.0.0.1:2525)")
	f.StringVar(&given.inbound, "inbound", "", "where to take mail from other servers (default 127.0.0.1:2526)")
	f.StringSliceVar(&given.p2pListen, "p2p", nil, "where to take connections of other nodes, as multiaddr (default port 4801)")
	f.StringVar(&given.mine, "mine", "", `how much of this machine looks for blocks: off, 10% of a core, 2 cores (default "10%")`)
	f.StringVar(&given.records, "records", "", `what the organisation declares to record: all, some, none (default "some")`)
	allowEmpty(c, "submission", "inbound")
	return c
}

// config is the configuration of the new node.
func (f *initFlags) config(c *cobra.Command) (*node.Config, error) {
	if len(f.domains) == 0 {
		return nil, usage(c, "--domain is missing: the mail domain of your organisation")
	}
	for i, d := range f.domains {
		canonical, err := membership.CanonicalDomain(d)
		if err != nil {
			return nil, usage(c, "--domain: %v", err)
		}
		f.domains[i] = canonical
	}
	if f.name == "" {
		f.name = f.domains[0]
	}
	cfg := node.DefaultConfig(f.name, f.domains)
	if f.network == "local" {
		cfg.P2P.Listen = []string{"/ip4/127.0.0.1/tcp/4801"}
	}
	for flag, set := range map[string]func(){
		"hostname":   func() { cfg.Hostname = f.hostname },
		"submission": func() { cfg.Submission.Listen = f.submission },
		"inbound":    func() { cfg.Inbound.Listen = f.inbound },
		"p2p":        func() { cfg.P2P.Listen = f.p2pListen },
		"mine":       func() { cfg.Mine = f.mine },
		"records":    func() { cfg.Organisation.Records = f.records },
	} {
		if c.Flags().Changed(flag) {
			set()
		}
	}
	if err := cfg.Validate(); err != nil {
		return nil, badFlag(c, err)
	}
	return cfg, nil
}

// founded is the network to be founded, named after org unless it is given a name; nil if none is.
func (f *initFlags) founded(c *cobra.Command, org string) (n *node.NetworkOptions, err error) {
	name := f.networkName
	if name == "" {
		name = org
	}
	if f.network != "" && len(name) > consensus.MaxNetworkName {
		return nil, usage(c, "--network-name: %q has more than %d bytes", name, consensus.MaxNetworkName)
	}
	switch f.network {
	case "":
	case "new":
		n = node.PublicNetwork(name)
	case "local":
		n = node.LocalNetwork(name)
	default:
		return nil, usage(c, "--network %q is neither new nor local", f.network)
	}
	if n == nil {
		for _, flag := range []string{"network-name", "block-time", "params", "attesters"} {
			if c.Flags().Changed(flag) {
				return nil, usage(c, "--%s is for a new network: add --network new or --network local", flag)
			}
		}
		return nil, nil
	}
	switch n.Version, n.Attesters = f.params, f.attesters; {
	case f.params != consensus.ParamsV1 && f.params != consensus.ParamsV2:
		return nil, usage(c, "--params %d: this program knows %d and %d", f.params, consensus.ParamsV1, consensus.ParamsV2)
	case f.attesters > consensus.MaxAttestations:
		return nil, usage(c, "--attesters %d: at most %d members attest", f.attesters, consensus.MaxAttestations)
	case f.attesters > 0 && f.params < consensus.ParamsV2:
		return nil, usage(c, "--attesters needs parameters of version %d", consensus.ParamsV2)
	}
	if c.Flags().Changed("block-time") {
		n.BlockInterval = f.blockTime
	}
	if t := n.BlockInterval; t < consensus.MinBlockInterval || t > consensus.MaxBlockInterval || t%time.Millisecond != 0 {
		return nil, usage(c, "--block-time %v: whole milliseconds from %v to %v", t, consensus.MinBlockInterval, consensus.MaxBlockInterval)
	}
	return n, nil
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
	cfg, err := node.LoadConfig(a.dir) // that of an earlier init, if this one went on with it
	if err != nil {
		return err
	}
	org := cfg.Organisation
	doc := &made{Directory: a.dir, Org: api.OrgSummary{Name: org.Name, Domains: org.Domains, Key: id.OrgKey().String()}}
	g, err := node.LoadNetwork(a.dir)
	if err != nil && !errors.Is(err, node.ErrNotMember) {
		return err
	}
	if err == nil {
		doc.Network = madeNetworkOf(g)
	}
	doc.noteRecovery(a.dir)
	return a.print(doc, func(b *bytes.Buffer) {
		fmt.Fprintf(b, "%s has a node in %s\n  organisation key %s (keep a copy of %s elsewhere)\n", org.Name, a.dir, doc.Org.Key, a.keyFile())
		a.tellRecovery(b, doc)
		if n := doc.Network; n != nil {
			fmt.Fprintf(b, "  first member of the network %v\nNext: %s\n", n, a.typable("cairn run"))
			return
		}
		fmt.Fprintf(b, "Next: %s\n%s\n", a.typable("cairn join INVITE"), a.typable("or, to be one more node of an organisation: cairn org node request INVITE"))
	})
}
