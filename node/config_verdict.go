package node

import (
	"fmt"

	"cairn/consensus/record"
	"cairn/smtpgw/screen"
)

// Context is what the configuration says about the way of mail to this node. It
// is there once the configuration has been validated.
func (v *VerdictConfig) Context() record.Context {
	var c record.Context
	for _, text := range v.Banners {
		banner, _ := record.CheckBanner(text)
		c.Banners = append(c.Banners, banner)
	}
	c.Map, _ = record.ParseAddressMap(v.AddressMap)
	return c
}

// way is Context with what is derived from attachments, pictures and text.
func (v *VerdictConfig) way() record.Context {
	c := v.Context()
	c.Derive = deriver()
	return c
}

// policy is what becomes of mail with an invalid record.
func (v *VerdictConfig) policy() screen.Policy {
	return screen.Policy{Invalid: screen.Invalid(v.Invalid)}
}

// checkContext tells what Context would leave out.
func (v *VerdictConfig) checkContext() error {
	if n := len(v.Banners); n > record.MaxBanners {
		return badValue("verdict.banners", fmt.Sprintf("list at most %d, each exactly as it stands in the mail", record.MaxBanners), "%d banners", n)
	}
	for _, text := range v.Banners {
		if _, err := record.CheckBanner(text); err != nil {
			return badValue("verdict.banners", fmt.Sprintf("copy the text out of a mail that has it, at most %d octets", record.MaxBanner), "%v", err)
		}
	}
	if _, err := record.ParseAddressMap(v.AddressMap); err != nil {
		return badValue("verdict.address_map", `write "ann@in.example = ann@example.org" or "@in.example = @example.org", what arrives on the left, each once`, "%v", err)
	}
	return nil
}
