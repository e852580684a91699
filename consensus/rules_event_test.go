package consensus

import (
	"fmt"
	"strings"
)

// unknown is the content of an event of a type that is none.
type unknown struct{ *Enrol }

func (unknown) Type() EventType { return 200 }

var eventCases = []ruleCase{
	{"unknown event version", RuleVersion, inEvent(func(f *ruleFixture, e *OrgEvent) { e.Version = 2 })},
	{"unknown type", RuleEventType, inEvent(func(f *ruleFixture, e *OrgEvent) { e.Content = unknown{e.Enrol()} })},
	{"event of another network", RuleChain, func(f *ruleFixture) error {
		return f.eventBothWays(f.gamma.finish(f.gamma.unsigned(f.state.ChainID()+1), 4))
	}},
	{"no name", RuleName, inEvent(func(f *ruleFixture, e *OrgEvent) { e.Enrol().Name = "" })},
	{"long name", RuleName, inEvent(func(f *ruleFixture, e *OrgEvent) { e.Enrol().Name = strings.Repeat("n", MaxOrgName+1) })},
	{"name with a line break", RuleName, inEvent(func(f *ruleFixture, e *OrgEvent) { e.Enrol().Name = "a\nb" })},
	{"name not UTF-8", RuleName, inEvent(func(f *ruleFixture, e *OrgEvent) { e.Enrol().Name = "a\xff" })},
	{"name in another script", "", inEvent(func(f *ruleFixture, e *OrgEvent) { e.Enrol().Name = "Стела 石" })},
	{"no domain", RuleDomains, inEvent(func(f *ruleFixture, e *OrgEvent) { e.Enrol().Domains = nil })},
	{"17 domains", RuleDomains, inEvent(func(f *ruleFixture, e *OrgEvent) { e.Enrol().Domains = manyDomains(MaxDomains + 1) })},
	{"16 domains", "", inEvent(func(f *ruleFixture, e *OrgEvent) { e.Enrol().Domains = manyDomains(MaxDomains) })},
	{"domains out of order", RuleDomains, inEvent(func(f *ruleFixture, e *OrgEvent) { e.Enrol().Domains = []string{"b.example", "a.example"} })},
	{"domain twice", RuleDomains, inEvent(func(f *ruleFixture, e *OrgEvent) { e.Enrol().Domains = []string{"a.example", "a.example"} })},
	{"domain in upper case", RuleDomains, inEvent(func(f *ruleFixture, e *OrgEvent) { e.Enrol().Domains = []string{"A.example"} })},
	{"domain with a final dot", RuleDomains, inDomain("a.example.")},
	{"domain with an empty label", RuleDomains, inDomain("a..example")},
	{"domain with a hyphen in front", RuleDomains, inDomain("-a.example")},
	{"domain with a hyphen at the end of a label", RuleDomains, inDomain("a-.example")},
	{"domain with an underscore", RuleDomains, inDomain("a_b.example")},
	{"domain that ends in a number", RuleDomains, inDomain("a.1")},
	{"label of 64 bytes", RuleDomains, inDomain(strings.Repeat("a", 64) + ".example")},
	{"domain of 254 bytes", RuleDomains, inDomain(longDomain(MaxDomainName + 1))},
	{"domain in another script", RuleDomains, inDomain("почта.example")},
	{"label of 63 bytes", "", inDomain(strings.Repeat("a", 63) + ".example")},
	{"domain of 253 bytes", "", inDomain(longDomain(MaxDomainName))},
	{"domain of another member", "", inEvent(func(f *ruleFixture, e *OrgEvent) { e.Enrol().Domains = []string{"alpha.example"} })},
	{"no node", RuleNodes, inEvent(func(f *ruleFixture, e *OrgEvent) { e.Enrol().Nodes = nil })},
	{"nine nodes", RuleNodes, inEvent(func(f *ruleFixture, e *OrgEvent) { e.Enrol().Nodes = f.manyNodes(MaxNodes + 1) })},
	{"eight nodes", "", inEvent(func(f *ruleFixture, e *OrgEvent) { e.Enrol().Nodes = f.manyNodes(MaxNodes) })},
	{"unknown records policy", RuleRecords, inEvent(func(f *ruleFixture, e *OrgEvent) { e.Enrol().Records = 3 })},
	{"threshold above 100 %", RuleThreshold, inEvent(func(f *ruleFixture, e *OrgEvent) { e.Enrol().ThresholdFloor = 101 })},
	{"org key of a member", RuleDuplicateKey, func(f *ruleFixture) error {
		return f.eventBothWays(f.alpha.enrol(f.state.Params()))
	}},
	{"recorder key of a member", RuleDuplicateKey, inEvent(func(f *ruleFixture, e *OrgEvent) {
		e.Enrol().Nodes[0] = NewNodeKeys(e.ChainID, e.Enrol().OrgKey, f.gamma.node, f.alpha.recorder)
	})},
	{"node key of a member", RuleDuplicateKey, inEvent(func(f *ruleFixture, e *OrgEvent) {
		e.Enrol().Nodes[0] = NewNodeKeys(e.ChainID, e.Enrol().OrgKey, f.alpha.node, f.gamma.recorder)
	})},
	{"node twice in one event", RuleDuplicateKey, inEvent(func(f *ruleFixture, e *OrgEvent) {
		e.Enrol().Nodes = append(e.Enrol().Nodes, e.Enrol().Nodes[0])
	})},
	{"event twice in one block", RuleDuplicateKey, inBody(func(f *ruleFixture, b *Block) {
		b.Events = append(b.Events, b.Events[0])
	})},
	{"recorder of an earlier event of the block", RuleDuplicateKey, inBody(func(f *ruleFixture, b *Block) {
		delta := newMember("delta")
		e := delta.unsigned(f.state.ChainID())
		e.Enrol().Nodes[0] = NewNodeKeys(e.ChainID, e.Enrol().OrgKey, delta.node, f.gamma.recorder)
		b.Events = append(b.Events, delta.finish(e, 4))
	})},
	{"no proof by the recorder key", RulePossession, inEvent(func(f *ruleFixture, e *OrgEvent) { e.Enrol().Nodes[0].Possession = Signature{} })},
	{"no proof by the node key", RulePossession, inEvent(func(f *ruleFixture, e *OrgEvent) { e.Enrol().Nodes[0].NodePossession = Signature{} })},
	{"proofs for another organisation", RulePossession, inEvent(func(f *ruleFixture, e *OrgEvent) {
		e.Enrol().Nodes[0] = NewNodeKeys(e.ChainID, PublicKey(f.alpha.org), f.gamma.node, f.gamma.recorder)
	})},
	{"proofs for another chain", RulePossession, inEvent(func(f *ruleFixture, e *OrgEvent) {
		e.Enrol().Nodes[0] = NewNodeKeys(e.ChainID+1, e.Enrol().OrgKey, f.gamma.node, f.gamma.recorder)
	})},
	{"proofs swapped", RulePossession, inEvent(func(f *ruleFixture, e *OrgEvent) {
		n := &e.Enrol().Nodes[0]
		n.Possession, n.NodePossession = n.NodePossession, n.Possession
	})},
	{"too little work", RuleIdentityStamp, func(f *ruleFixture) error {
		e := f.gamma.unsigned(f.state.ChainID())
		for IdentityStampBits(e.ChainID, e.Enrol().OrgKey, e.Stamp) >= int(f.state.Params().IdentityStamp) {
			e.Stamp++
		}
		e.Sign(f.gamma.org)
		return f.eventBothWays(e)
	}},
	{"stamp of another key", RuleIdentityStamp, func(f *ruleFixture) error {
		for i := 0; ; i++ { // one of the first keys has no use for the stamp
			m := newMember(fmt.Sprint("delta", i))
			e := m.unsigned(f.state.ChainID())
			e.Stamp = f.gamma.enrol(f.state.Params()).Stamp
			e.Sign(m.org)
			if IdentityStampBits(e.ChainID, e.Enrol().OrgKey, e.Stamp) < int(f.state.Params().IdentityStamp) {
				return f.eventBothWays(e)
			}
		}
	}},
	{"event signed by another key", RuleEventSignature, func(f *ruleFixture) error {
		e := f.gamma.enrol(f.state.Params())
		e.Sign(f.alpha.org)
		return f.eventBothWays(e)
	}},
	{"event changed after signing", RuleEventSignature, func(f *ruleFixture) error {
		e := f.gamma.enrol(f.state.Params())
		e.Enrol().Name = "another"
		return f.eventBothWays(e)
	}},
}

func inDomain(domain string) func(*ruleFixture) error {
	return inEvent(func(f *ruleFixture, e *OrgEvent) { e.Enrol().Domains = []string{domain} })
}

func longDomain(n int) string { return strings.Repeat("a.", n/2)[:n-1] + "a" }

func manyDomains(n int) []string {
	domains := make([]string, n)
	for i := range domains {
		domains[i] = fmt.Sprintf("d%02d.example", i)
	}
	return domains
}

func (f *ruleFixture) manyNodes(n int) []NodeKeys {
	nodes := make([]NodeKeys, n)
	for i := range nodes {
		nodes[i] = NewNodeKeys(f.state.ChainID(), PublicKey(f.gamma.org),
			testKey(fmt.Sprint("many nodes ", i)), testKey(fmt.Sprint("many recorders ", i)))
	}
	return nodes
}
