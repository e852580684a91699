package node

import (
	"fmt"
	"net/netip"
	"time"

	"cairn/smtpgw/limits"
)

// LimitsConfig says what one host of strangers may ask in a time. A rate is as in "240/1m": so many
// at once, which come back one by one over that time; "off" bounds nothing. A whole network has
// four times as much.
type LimitsConfig struct {
	// Connections, Messages and Recipients are what one host may open, begin and name.
	Connections string `koanf:"connections"`
	Messages    string `koanf:"messages"`
	Recipients  string `koanf:"recipients"`

	// Failures are unknown recipients, commands that are none, wrong passwords (four each) and
	// speaking before the greeting (ten) that a host may make before it is banned; for unknown
	// recipients that is so only while few are known.
	Failures string `koanf:"failures"`

	// Ban is how long the first ban lasts, as in "10m"; those that follow last twice as long as
	// the one before, at most a day.
	Ban string `koanf:"ban"`

	// Large is from which size on a message is a large one, with an optional K or M; "off": none
	// is.
	Large string `koanf:"large"`

	// LargeRate is how fast large messages of one host may come over all its connections: beyond,
	// it is a likely spammer. AccountRate is the same of an account that has signed in.
	LargeRate   string `koanf:"large_rate"`
	AccountRate string `koanf:"account_rate"`

	// AccountMessages, AccountRecipients and AccountStrangers are what an account that has signed
	// in may begin and name, and of those outside whom it has never written to, before it is held.
	AccountMessages   string `koanf:"account_messages"`
	AccountRecipients string `koanf:"account_recipients"`
	AccountStrangers  string `koanf:"account_strangers"`

	// Exempt are networks that are not limited, such as those of proxies and relays.
	Exempt []string `koanf:"exempt"`
}

// maxPrefixes bounds a list of networks.
const maxPrefixes = 256

// defaultLimits are those of package limits.
func defaultLimits() LimitsConfig {
	return LimitsConfig{
		Connections: "240/1m", Messages: "1200/10m", Recipients: "6000/10m", Failures: "120/10m", Ban: "10m",
		Large: "2M", LargeRate: "30/1m", AccountRate: "30/10m",
		AccountMessages: "600/1h", AccountRecipients: "3000/1h", AccountStrangers: "500/24h", Exempt: []string{},
	}
}

// settings are those of the gateway, or the first value that cannot be used.
func (c *LimitsConfig) settings() (l limits.Config, err error) {
	for _, r := range []struct {
		key, value string
		to         *limits.Rate
	}{
		{"connections", c.Connections, &l.Connections}, {"messages", c.Messages, &l.Messages}, {"recipients", c.Recipients, &l.Recipients},
		{"failures", c.Failures, &l.Failures}, {"large_rate", c.LargeRate, &l.LargeRate}, {"account_rate", c.AccountRate, &l.AccountRate},
		{"account_messages", c.AccountMessages, &l.AccountMessages}, {"account_recipients", c.AccountRecipients, &l.AccountRecipients},
		{"account_strangers", c.AccountStrangers, &l.AccountStrangers},
	} {
		if *r.to, err = limits.ParseRate(r.value); err != nil {
			return l, badValue("limits."+r.key, `write how many in which time, as in "240/1m", or "off"`, "%v", err)
		}
	}
	if l.Ban, err = time.ParseDuration(c.Ban); err != nil || l.Ban < time.Second || l.Ban > 24*time.Hour {
		return l, badValue("limits.ban", `write a time from "1s" to "24h", as in "10m"`, "%q cannot be a time for it", c.Ban)
	}
	if l.Large, err = largeSize(c.Large); err != nil {
		return l, badValue("limits.large", `write a size from 64K to 128M, as in "2M", or "off"`, "%v", err)
	}
	if l.Exempt, err = prefixes(c.Exempt); err != nil {
		return l, badValue("limits.exempt", `name networks or addresses, as in ["192.0.2.0/24"]`, "%v", err)
	}
	return l, nil
}

func largeSize(s string) (int64, error) {
	if s == "off" {
		return 0, nil
	}
	return parseSize(s)
}

// prefixes reads a list of networks.
func prefixes(list []string) (out []netip.Prefix, err error) {
	if len(list) > maxPrefixes {
		return nil, fmt.Errorf("%d networks are more than %d", len(list), maxPrefixes)
	}
	for _, s := range list {
		p, err := limits.ParsePrefix(s)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// check tells what settings would not take.
func (c *LimitsConfig) check() error {
	_, err := c.settings()
	return err
}
