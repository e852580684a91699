package node

// said is what a loop has last said of some trouble, so that it says it once and not each time
// round.
type said string

// news reports whether err has to be said; nil means that it is well again.
func (s *said) news(err error) bool {
	now := said("")
	if err != nil {
		now = said(err.Error())
	}
	was := *s
	*s = now
	return now != "" && now != was
}
