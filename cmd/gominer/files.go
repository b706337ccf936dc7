package main

import (
	"errors"
	"log/slog"
	"math"
	"regexp"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gominer/stratum/record"
)

// fileOptions say what a run leaves in files.
type fileOptions struct {
	record record.Config
}

// recordSize suits weeks of an ordinary pool.
const recordSize = "256MB"

func (o *fileOptions) flags(cmd *cobra.Command) {
	o.record.Max, _ = parseSize(recordSize) // a constant
	section(cmd, "Files", func(f *pflag.FlagSet) {
		f.StringVar(&o.record.Path, "record", "", "write all that pools and gominer say to each other to `FILE`, as JSON lines without passwords; gominer decode explains it")
		valueVar(f, &o.record.Max, "record-size", "", recordSize, "at `SIZE` the recording is renamed to FILE.1 and begun anew; 0 lets it grow", parseSize)
		f.BoolVar(&o.record.HideUsers, "record-hide-users", false, "write user1, user2 … in the recording for the names of users")
	})
}

func (o *fileOptions) check() error {
	if o.record.Path == "" && o.record.HideUsers {
		return usagef("--record-hide-users goes with --record FILE")
	}
	return nil
}

// openRecord makes the recording, nil if none is wanted.
func (o *fileOptions) openRecord(log *slog.Logger) (*record.Writer, error) {
	if o.record.Path == "" {
		return nil, nil
	}
	cfg := o.record
	cfg.By, cfg.Log = agent(), log
	return record.Create(cfg)
}

// closeFile ends a file of the run. What it lacks is said, and fails nothing.
func closeFile(log *slog.Logger, closer interface{ Close() error }) {
	if err := closer.Close(); err != nil {
		log.Warn(err.Error())
	}
}

var sizeForm = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)\s*([kKMGT]?)(i?)[bB]?$`)

// parseSize reads a number of bytes: "256MB", "1.5G", "512KiB", "100000".
func parseSize(s string) (int64, error) {
	const form = "want a number of bytes such as 256MB or 1GiB"
	m := sizeForm.FindStringSubmatch(s)
	if m == nil || m[3] != "" && m[2] == "" {
		return 0, errors.New(form)
	}
	n, err := strconv.ParseFloat(m[1], 64)
	step := 1000.0
	if m[3] != "" {
		step = 1024
	}
	for range map[string]int{"": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4}[m[2]] {
		n *= step
	}
	if err != nil || n >= math.MaxInt64 {
		return 0, errors.New(form)
	}
	return int64(n), nil
}
