package consensus

// Network is what the rules need to know of a genesis. It is made once, by
// Genesis.Network, and shared by all states of the chain.
type Network struct {
	params  Params
	chain   ChainID
	genesis Hash
	target  Target // of genesis
}

// Params returns the network's parameters. They must not be changed.
func (n *Network) Params() *Params { return &n.params }

// ChainID returns the first four bytes of the hash of the parameters.
func (n *Network) ChainID() ChainID { return n.chain }

// GenesisID returns the ID of the genesis block.
func (n *Network) GenesisID() Hash { return n.genesis }
