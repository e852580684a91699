// Package quota bounds what the messages of an account may have together. A quota is a setting of
// the account; what is used is counted with each message while there is one.
package quota

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"cairn/mailstore"
)

// Setting is the account's setting that has its quota, as Parse reads it.
const Setting = "quota"

// Bounds of a quota, in octets.
const (
	least = 1 << 20
	most  = 1 << 50
)

var units = map[string]int64{"M": 1 << 20, "G": 1 << 30}

// Parse reads a quota: a whole number with M or G behind it, as in "500M" or "2G". It returns
// octets.
func Parse(text string) (octets int64, err error) {
	for unit, size := range units {
		number, is := strings.CutSuffix(text, unit)
		if !is {
			continue
		}
		n, err := strconv.ParseInt(number, 10, 32)
		if err != nil || strconv.FormatInt(n, 10) != number || n*size < least || n*size > most {
			return 0, fmt.Errorf("%q is no size from 1M to %dG", text, int64(most>>30))
		}
		return n * size, nil
	}
	return 0, fmt.Errorf("%q is no size, as in 500M or 2G", text)
}

// Set gives an account a quota, or none with an empty text. The error may be that of Parse.
func Set(tx *mailstore.Tx, account mailstore.AccountID, text string) error {
	if text == "" {
		return errors.Join(tx.SetSetting(account, Setting, ""), tx.CountUsedNoMore(account))
	}
	if _, err := Parse(text); err != nil {
		return err
	}
	_, counted, err := tx.Used(account)
	if err == nil && !counted {
		err = tx.CountUsed(account)
	}
	if err != nil {
		return err
	}
	return tx.SetSetting(account, Setting, text)
}

// Full reports whether a message of so many octets would be beyond an account's quota. What cannot
// be read as a quota is none.
func Full(r *mailstore.Reader, account mailstore.AccountID, octets int64) (bool, error) {
	text, err := r.Setting(account, Setting)
	if err != nil || text == "" {
		return false, err
	}
	limit, err := Parse(text)
	if err != nil {
		return false, nil
	}
	used, counted, err := r.Used(account)
	return err == nil && counted && used+max(octets, 1) > limit, err
}
