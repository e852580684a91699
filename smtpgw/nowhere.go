package smtpgw

import (
	"context"
	"errors"
	"time"

	"cairn/smtpgw/client"
	"cairn/smtpgw/refuse"
	"cairn/smtpgw/reply"
)

// nowherePatience is how long the DNS has, for all recipients of one message, to say that mail for
// one can go nowhere. What is not known by then is taken: the queue finds out.
const nowherePatience = 2 * time.Second

// asking bounds the questions of one message about where its recipients are.
type asking struct {
	spent   time.Duration
	unasked bool // there are to be none
}

// nowhere is the refusal of a domain of others that no mail can ever go to.
func (s *Submitter) nowhere(ctx context.Context, a *asking, domain string) error {
	if s.cfg.Nowhere == nil || a.spent >= nowherePatience {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, nowherePatience-a.spent)
	defer cancel()
	began := time.Now()
	err := s.cfg.Nowhere(ctx, domain)
	a.spent += time.Since(began)
	if refusal, refused := errors.AsType[*refuse.Refusal](err); refused {
		return refusal
	}
	if errors.Is(err, client.ErrNoRoute) {
		return refuse.With(550, 5, 1, 2, "%s: %s", domain, reply.OneLine(err.Error()))
	}
	return nil
}
