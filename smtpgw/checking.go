package smtpgw

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"

	"cairn/mailstore"
)

// How many passwords may wait to be checked, or be checked, at one time. A failure counts once its
// reply is made: what is on the way until then is what a host gets in before it is delayed.
const (
	maxCheckingHost    = 4 // that one host has sent
	maxCheckingAccount = 4 // that are for one account, wherever they come from
)

// checking counts the passwords that are being checked, by who has sent them and whose they are.
// The zero value counts none.
type checking struct {
	mu sync.Mutex
	of map[string]int
}

// begin counts another one in, unless one of its keys has as many as it may. What it returns counts
// it out.
func (c *checking) begin(most map[string]int) (end func(), ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, n := range most {
		if c.of[key] >= n {
			return nil, false
		}
	}
	if c.of == nil {
		c.of = make(map[string]int)
	}
	for key := range most {
		c.of[key]++
	}
	return func() { c.end(most) }, true
}

func (c *checking) end(most map[string]int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key := range most {
		if c.of[key]--; c.of[key] == 0 {
			delete(c.of, key)
		}
	}
}

// beginCheck counts in a password that p has sent for a login, or reports that there are too many.
func (s *Server) beginCheck(p *peer, login string) (end func(), ok bool, err error) {
	account, err := s.accountKey(login)
	if err != nil {
		return nil, false, err
	}
	most := map[string]int{account: maxCheckingAccount}
	if !s.cfg.Throttle.exempts(p.addr) { // who comes from there may be many
		most["host "+p.name] = maxCheckingHost
	}
	end, ok = s.checking.begin(most)
	return end, ok, nil
}

// accountKey is what the sign-ins of an account are counted by, under whichever of its names. Who
// is nobody is counted by the name.
func (s *Server) accountKey(login string) (key string, err error) {
	err = s.store.View(func(rd *mailstore.Reader) error {
		a, err := signsInto(rd, login)
		key = fmt.Sprintf("account %d", a.ID)
		return err
	})
	if errors.Is(err, mailstore.ErrNotFound) {
		return "name " + strings.ToLower(login), nil
	}
	return key, err
}

// signsInto is the account that package passwords looks a login up as.
func signsInto(rd *mailstore.Reader, login string) (mailstore.Account, error) {
	if !strings.Contains(login, "@") {
		return rd.AccountByName(login)
	}
	address, err := mailstore.CanonicalAddress(login)
	if err != nil {
		return mailstore.Account{}, mailstore.ErrNotFound
	}
	return rd.AccountByAddress(address)
}

// exempts reports whether an address is never limited.
func (t *Throttle) exempts(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return a.IsLoopback() || t.named(a)
}

// named reports whether an address is of a network that is configured as exempt.
func (t *Throttle) named(a netip.Addr) bool {
	return t != nil && t.table.Exempts(a.Unmap().WithZone("")) // what is exempt never changes
}
