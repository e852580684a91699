package node

import (
	"fmt"
	"path"

	"cairn/consensus"
	"cairn/node/acme"
	"cairn/node/home"
	"cairn/node/keyroll"
	"cairn/smtpgw/dkim/keyring"
)

// BackupFacts tell whose node the files of a backup are of, as Backup writes it into the manifest.
func BackupFacts(files map[string][]byte) (home.Manifest, error) {
	var m home.Manifest
	var id Identity
	for _, p := range id.parts() {
		name := path.Join(keysDir, p.file)
		text, there := files[name]
		if !there && p.file == home.OrgKeyFile {
			continue
		}
		key, err := decodeKey(text)
		if err != nil {
			return m, fmt.Errorf("%s: %w", name, err)
		}
		*p.key = key
	}
	for name, text := range files {
		if path.Dir(name) != keysDir {
			continue
		}
		if name == home.DKIMKeys {
			if _, err := keyring.DecodeRing(text); err != nil {
				return m, fmt.Errorf("%s: %w", name, err)
			}
			continue
		}
		if name == home.ACMEFile {
			if _, err := acme.Decode(text); err != nil {
				return m, fmt.Errorf("%s: %w", name, err)
			}
			continue
		}
		if name == home.TLSKeys {
			if _, err := keyroll.Decode(text); err != nil {
				return m, fmt.Errorf("%s: %w", name, err)
			}
			continue
		}
		if _, err := decodeKey(text); err != nil { // also those that the node had, or is to have
			return m, fmt.Errorf("%s: %w", name, err)
		}
	}
	var genesis *consensus.Genesis
	var enrol *consensus.OrgEvent
	var err error
	if text, there := files[networkFile]; there {
		if genesis, err = consensus.DecodeGenesis(text); err != nil {
			return m, fmt.Errorf("%s: %w", networkFile, err)
		}
	}
	if text, there := files[enrolFile]; there {
		if enrol, err = consensus.DecodeEvent(text); err != nil {
			return m, fmt.Errorf("%s: %w", enrolFile, err)
		}
		if enrol.Enrol() == nil {
			return m, fmt.Errorf("%s: it is no enrolment", enrolFile)
		}
	}
	var cfg Config
	if genesis == nil || enrol == nil { // else the enrolment says whose node it is
		c, err := parseConfig(files[ConfigFile])
		if err != nil {
			return m, fmt.Errorf("%s: %w", ConfigFile, err)
		}
		cfg = *c
	}
	return manifest(&cfg, &id, genesis, enrol), nil
}
