package node

import (
	"context"
	"os/exec"
	"time"

	"cairn/node/acme/dns01"
	"cairn/node/doctor"
	"cairn/smtpgw/dnssec"
)

// openDNS01 prepares for records in the DNS that an authority is to look at; nil: there are to be
// none.
func openDNS01(c *Config, now func() time.Time) (*dns01.Publisher, error) {
	t := &c.TLS
	switch {
	case len(t.DNSCommand) > 0:
		if _, err := exec.LookPath(t.DNSCommand[0]); err != nil {
			return nil, &ConfigError{Key: "tls.dns_command", Cause: err.Error(), Next: "write the absolute path of a program that this user may run"}
		}
		return dns01.ByCommand(t.DNSCommand, c.Outbound.resolvers()), nil
	case t.DNSServer != "":
		secret, err := readSecret("tls.dns_secret_file", t.DNSSecretFile, "the key's secret in base64")
		if err != nil {
			return nil, err
		}
		key, err := dns01.NewKey(t.DNSKey, secret)
		if err != nil {
			return nil, &ConfigError{Key: "tls.dns_secret_file", Cause: err.Error(), Next: "copy the secret of that hmac-sha256 key, in base64 and alone, into " + t.DNSSecretFile}
		}
		return dns01.ByUpdate(t.DNSServer, key, c.Outbound.resolvers(), now), nil
	}
	return nil, nil
}

// resolvers are those that are asked, host:port: the one that the configuration names, or those of
// this machine.
func (o *OutboundConfig) resolvers() []string {
	if named := o.ValidatingResolver; named != resolverLocal && named != resolverNone {
		return []string{named}
	}
	if list := dnssec.Named(exchange.resolvConf); len(list) > 0 {
		return list
	}
	return []string{"127.0.0.1:53"} // as resolv.conf(5) has it
}

// probeDNS01 finds out whether records could come into the DNS, without one.
func (e *examination) probeDNS01(ctx context.Context) {
	t := &e.cfg.TLS
	found := &doctor.DNS01{By: t.DNSServer}
	if len(t.DNSCommand) > 0 {
		found.By = t.DNSCommand[0]
	}
	e.facts.DNS01 = found
	p, err := openDNS01(e.cfg, time.Now)
	if err == nil {
		err = p.Try(ctx, "_acme-challenge."+e.facts.Hostname)
	}
	if err != nil {
		found.Fault = err.Error()
	}
}
