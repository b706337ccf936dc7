package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gominer/hasher"
)

// build is what is known of this binary.
type build struct {
	Version  string   `json:"version"`
	Commit   string   `json:"commit,omitempty"`
	Time     string   `json:"time,omitempty"` // of the commit
	Modified bool     `json:"modified"`       // built from a tree that differs from the commit
	Go       string   `json:"go"`
	Platform string   `json:"platform"`
	Kernels  []string `json:"kernels"` // that this machine can run
}

func thisBuild() build {
	b := build{Version: "devel", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		if v := info.Main.Version; v != "" && v != "(devel)" {
			b.Version = v
		}
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				b.Commit = s.Value
			case "vcs.time":
				b.Time = s.Value
			case "vcs.modified":
				b.Modified = s.Value == "true"
			}
		}
	}
	for _, k := range hasher.Kernels() {
		b.Kernels = append(b.Kernels, k.Name)
	}
	return b
}

// agent is what pools are told: "gominer/v1.2.3".
func agent() string { return "gominer/" + thisBuild().Version }

func newVersion(p *process) *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:   "version [flags]",
		Short: "Say which gominer this is",
		Example: `gominer version
gominer version --json`,
		Args: p.noArgs,
		RunE: func(*cobra.Command, []string) error { return p.writeVersion(asJSON) },
	}
	section(cmd, "Output", func(f *pflag.FlagSet) {
		f.BoolVar(&asJSON, "json", false, "as JSON")
	})
	return cmd
}

func (p *process) writeVersion(asJSON bool) error {
	b := thisBuild()
	if asJSON {
		return p.writeJSON(b)
	}
	commit := b.Commit
	if commit == "" {
		commit = "not recorded in this build"
	}
	if b.Modified {
		commit += ", modified"
	}
	_, err := fmt.Fprintf(p.stdout, "gominer %s\ncommit   %s\nbuilt    with %s for %s\nkernels  %s\n",
		b.Version, commit, b.Go, b.Platform, strings.Join(b.Kernels, ", "))
	return err
}
