package node

import "path/filepath"

// Written are the folders besides the directory where a node writes that goes by the configuration.
func (c *Config) Written() (folders []string) {
	if c.Log.File != "" { // it is opened anew once it was moved away: the folder, not the file
		folders = append(folders, filepath.Dir(filepath.Clean(c.Log.File)))
	}
	if c.TLS.Webroot != "" {
		folders = append(folders, filepath.Clean(c.TLS.Webroot))
	}
	if network, address, err := c.Milter.endpoint(); err == nil && network == "unix" { // a socket is made there
		folders = append(folders, filepath.Dir(filepath.Clean(address)))
	}
	return folders
}

// Read are the files and programs besides the directory that such a node reads or runs.
func (c *Config) Read() (files []string) {
	paths := []string{
		c.TLS.CertificateFile, c.TLS.KeyFile, c.TLS.ACMECAFile, c.TLS.DNSSecretFile,
		c.LDAP.CAFile, c.LDAP.SearchPasswordFile, c.Outbound.PasswordFile,
	}
	for _, s := range c.Outbound.Smarthosts {
		paths = append(paths, s.PasswordFile, s.CAFile)
	}
	for _, path := range paths {
		if path != "" {
			files = append(files, filepath.Clean(path))
		}
	}
	for _, filter := range [][]string{c.Submission.Filter, c.Inbound.Filter, c.TLS.DNSCommand} {
		for _, word := range filter {
			if filepath.IsAbs(word) { // the program, and what it is given to read
				files = append(files, filepath.Clean(word))
			}
		}
	}
	return files
}
