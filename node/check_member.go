package node

import (
	"errors"
	"slices"

	"cairn/mailstore"
	"cairn/node/api"
	"cairn/node/home"
)

// member looks at the files that say whose node it is and in which network, and notes what is wrong
// with them. noChain is what follows for the chain where its network is not known.
func (c *checking) member() {
	c.own.dir = c.dir
	var err error
	if c.own.id, err = loadIdentity(c.dir, true); err != nil {
		c.wrong(keysDir, err)
	}
	if _, err := openDKIM(c.dir); err != nil {
		c.wrong(home.DKIMKeys, err)
	}
	if _, err := openACME(c.dir); err != nil {
		c.wrong(home.ACMEFile, err)
	}
	if _, err := openTLSKeys(c.dir); err != nil {
		c.wrong(home.TLSKeys, err)
	}
	if c.genesis, err = LoadNetwork(c.dir); err != nil {
		c.noChain = CheckMissing
		if !errors.Is(err, ErrNotMember) {
			c.noChain = CheckSkipped
			c.wrong(networkFile, err)
		}
	}
	enrol, err := LoadEnrol(c.dir)
	if err != nil && !errors.Is(err, ErrNotMember) {
		c.wrong(enrolFile, err)
	}
	if c.own.enrol = enrol; c.own.id == nil || c.genesis == nil || enrol == nil {
		return
	}
	file, mixed := belongs(c.dir, c.own.id, c.genesis, enrol)
	switch {
	case mixed == nil:
	case file == enrolFile:
		c.wrong(enrolFile, mixed)
	default:
		c.wrong(keysDir, mixed)
	}
}

// wrong notes what is wrong with one of the files that a node does not run without.
func (c *checking) wrong(file string, err error) {
	e := api.AsError(err)
	c.add(file, "whose node it is", CheckFault{Text: e.Message, Next: e.Hint})
}

// foreign notes that the mail store, or the enrolment beside it, is another organisation's. That is
// said by a guard, which the store is not opened past, nor changed.
func (c *checking) foreign(err error) bool {
	said, ok := errors.AsType[*api.Error](err)
	if !ok {
		return false
	}
	fault := CheckFault{Text: said.Message, Next: said.Hint}
	if c.own.enrolled() {
		c.add(home.MailDir, "whose it is", fault)
	} else {
		if !slices.ContainsFunc(c.parts, func(p Checked) bool { return p.Part == enrolFile }) { // else that was said of its network
			c.add(enrolFile, "whose it is", fault)
		}
		c.skip(home.MailDir, CheckSkipped, "it is of another organisation than "+enrolFile)
	}
	c.skip(home.MailHead, CheckSkipped, "the mail store is not opened")
	return true
}

// openMail opens the mail store if it is this node's.
func (c *checking) openMail() (*mailstore.Store, error) {
	return mailstore.Open(c.path(home.MailDir), c.Log, c.own.guard)
}
