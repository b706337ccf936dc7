package main

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gominer/stratum/pool/fault"
)

// listFaults in place of a fault's name prints them all.
const listFaults = "list"

// faultFlags defines how the pool may be told to misbehave.
func (o *poolOptions) faultFlags(f *pflag.FlagSet) {
	f.StringArrayVar(&o.faults, "fault", nil, "misbehave as `NAME` says, or NAME=ARGUMENT, so that miners can be tested (repeat); --fault list prints the names")
	annotate(f.Lookup("fault"), annotationCommas, "")
}

func completeFaults(cmd *cobra.Command) {
	complete(cmd, "fault", func() []string { return append(faultNames(), listFaults) })
}

func faultNames() (names []string) {
	for _, f := range fault.All() {
		names = append(names, f.Name)
	}
	return names
}

// applyFaults makes the pool misbehave as the flags want.
func (o *poolOptions) applyFaults() error {
	var faults []fault.Fault
	for _, s := range o.faults {
		f, err := fault.Parse(s)
		var unknown *fault.UnknownError
		if errors.As(err, &unknown) {
			return usagef("--fault: %w%s; --fault list prints them", err, didYouMean(unknown.Name, faultNames()))
		}
		if err != nil {
			return usagef("--fault: %w", err)
		}
		faults = append(faults, f)
	}
	return fault.Apply(&o.pool, faults...)
}

// faultKinds are the headings of the list.
var faultKinds = []struct {
	kind    fault.Kind
	heading string
}{
	{fault.Dialect, "Dialects: other pools are like that, and miners mine on them all the same"},
	{fault.Trouble, "Troubles: this is how pools break down; miners go on, or to the next pool"},
	{fault.Hostile, "Attacks: miners live, and say what happened (WHEN is hello, subscribe, authorize or job)"},
}

// printFaults prints the faults for people, or as JSON lines.
func (d *display) printFaults() error {
	if d.events != nil {
		for _, f := range fault.All() {
			err := d.events.out.write(time.Now(), "fault", []slog.Attr{
				slog.String("name", f.Name), slog.String("kind", f.Kind.String()), slog.String("argument", f.Arg),
				slog.String("default", f.Default), slog.String("about", f.About),
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
	const indent = 30
	var b strings.Builder
	for i, k := range faultKinds {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s\n", k.heading)
		for _, f := range fault.All() {
			if f.Kind != k.kind {
				continue
			}
			name, about := f.Name, f.About
			if f.Arg != "" {
				name += "[=" + f.Arg + "]"
				about += " (default " + shortened(f.Default) + ")"
			}
			for i, l := range wrap(about, helpWidth-indent-2) {
				if i > 0 {
					name = ""
				}
				fmt.Fprintf(&b, "  %-*s%s\n", indent, name, l)
			}
		}
	}
	_, err := fmt.Fprint(d.p.stdout, b.String())
	return err
}

// shortened returns the beginning of a long argument.
func shortened(s string) string {
	const most = 24
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}

// listsFaults reports whether the list is asked for.
func (o *poolOptions) listsFaults() bool { return slices.Contains(o.faults, listFaults) }
