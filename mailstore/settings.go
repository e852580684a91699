package mailstore

import (
	"errors"
	"fmt"
)

// Limits of an account's settings.
const (
	maxSettings     = 64
	maxSettingValue = 1024 // bytes
)

func settingKey(id AccountID, name string) []byte {
	return append(accountKey(tableSetting, id), name...)
}

// Setting returns a setting of an account, empty if it was never set.
func (r *Reader) Setting(id AccountID, name string) (string, error) {
	b, err := r.src.get(settingKey(id, name))
	if errors.Is(err, ErrNotFound) {
		return "", nil
	}
	return string(b), err
}

// Settings returns all settings of an account by name.
func (r *Reader) Settings(id AccountID) (map[string]string, error) {
	all := make(map[string]string)
	err := scan(r.src, accountKey(tableSetting, id), nil, func(key, value []byte) bool {
		all[string(key[5:])] = string(value)
		return true
	})
	return all, err
}

// SetSetting sets a setting of an account, or takes it back with an empty value. Names obey
// [CheckLabel]; a value has at most 1 KiB, and an account 64 of them. What they mean is their
// readers' matter.
func (tx *Tx) SetSetting(id AccountID, name, value string) error {
	if err := CheckLabel(name); err != nil {
		return fmt.Errorf("setting: %w", err)
	}
	if len(value) > maxSettingValue {
		return fmt.Errorf("setting %s has %d bytes, more than %d", name, len(value), maxSettingValue)
	}
	if found, err := tx.src.has(accountKey(tableAccount, id)); err != nil {
		return err
	} else if !found {
		return fmt.Errorf("account %d: %w", id, ErrNotFound)
	}
	if value == "" {
		return tx.delete(settingKey(id, name))
	}
	all, err := tx.Settings(id)
	if err != nil {
		return err
	}
	if _, known := all[name]; !known && len(all) >= maxSettings {
		return fmt.Errorf("account %d has %d settings, which is all it can have", id, len(all))
	}
	return tx.put(settingKey(id, name), []byte(value))
}

// dropSettings removes all settings of an account.
func (tx *Tx) dropSettings(id AccountID) error {
	all, err := tx.Settings(id)
	for name := range all {
		err = errors.Join(err, tx.delete(settingKey(id, name)))
	}
	return err
}
