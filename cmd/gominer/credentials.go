package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"
)

// credentialScheme begins the name of a file that systemd hands to a service:
// credential:NAME is what LoadCredential= or SetCredentialEncrypted= call NAME.
const credentialScheme = "credential:"

// credential returns the file that a name stands for.
func (p *process) credential(file string) (string, error) {
	name, found := strings.CutPrefix(file, credentialScheme)
	if !found {
		return file, nil
	}
	dir, _ := p.getenv("CREDENTIALS_DIRECTORY")
	switch {
	case name == "" || name == ".." || name == "." || strings.ContainsAny(name, "/\\\x00"):
		return "", fmt.Errorf("%q: want the name of a credential behind the colon, as LoadCredential= in the unit has it", file)
	case dir == "":
		return "", errors.New("there are no credentials here: systemd gives them to a service whose unit has LoadCredential=" + name + ":FILE")
	}
	return filepath.Join(dir, name), nil
}

// findCredentials puts files in the place of the credentials that the command
// line names.
func (p *process) findCredentials(flags *pflag.FlagSet) (err error) {
	flags.Visit(func(f *pflag.Flag) {
		if !has(f, annotationFile) || err != nil {
			return
		}
		files := values(f)
		for i := range files {
			if files[i], err = p.credential(files[i]); err != nil {
				err = usagef("--%s: %w", f.Name, err)
				return
			}
		}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			err = list.Replace(files)
		} else {
			err = f.Value.Set(files[0])
		}
	})
	return err
}
