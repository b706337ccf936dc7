package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"gominer/bench"
)

// benchCompare compares two reports, or one with what is measured now.
func (p *process) benchCompare(ctx context.Context, o *benchOptions, files []string) error {
	if o.format == "benchstat" {
		return usagef("compare writes text or JSON: benchstat compares by itself")
	}
	a, err := readBench(files[0])
	if err != nil {
		return err
	}
	var b *bench.Report
	if len(files) == 2 {
		b, err = readBench(files[1])
	} else {
		b, err = p.measureAgain(ctx, o, a, files[0])
	}
	if err != nil {
		return err
	}
	c := bench.Compare(a, b, o.perCPU)
	if o.json || o.format == "json" {
		err = p.writeJSON(c)
	} else {
		_, err = fmt.Fprint(p.stdout, c.Text(p.textWidth()))
	}
	switch {
	case err != nil:
		return err
	case len(c.Changes) == 0:
		return fmt.Errorf("compare: the two have nothing in common")
	case o.failBelow == nil:
		return nil
	}
	var below []string
	for _, x := range c.Below(*o.failBelow) {
		below = append(below, x.String())
	}
	if len(below) > 0 {
		return &coded{exitFailed, fmt.Errorf("compare: below %+.3g%%: %s", 100**o.failBelow, strings.Join(below, ", "))}
	}
	return nil
}

// measureAgain measures what a has.
func (p *process) measureAgain(ctx context.Context, o *benchOptions, a *bench.Report, file string) (*bench.Report, error) {
	cases, missing := a.Cases(o.known)
	o.cfg.Cases = slices.DeleteFunc(cases, func(c bench.Case) bool { return !o.wants(c) })
	if len(o.cfg.Cases) == 0 {
		return nil, fmt.Errorf("compare: %s has nothing that was asked for and that this machine can run", file)
	}
	if len(missing) > 0 {
		fmt.Fprintf(p.stderr, "gominer: bench: left out, this machine can't run them: %s\n", strings.Join(missing, ", "))
	}
	b, err := p.measureBench(ctx, o.cfg)
	if err == nil && b.Wrong() != nil {
		err = &coded{exitFailed, b.Wrong()}
	}
	return b, err
}

func readBench(file string) (*bench.Report, error) {
	f, err := os.Open(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("compare: there is no file %s; gominer bench --json writes one", file)
	}
	if err != nil {
		return nil, fmt.Errorf("compare: %w", err)
	}
	defer f.Close()
	r, err := bench.Read(f)
	if err != nil {
		return nil, fmt.Errorf("compare: %s: %w", file, err)
	}
	return r, nil
}

// wants reports whether --kernel and --threads allow the case.
func (o *benchOptions) wants(c bench.Case) bool {
	kernel := len(o.kernels) == 0 || slices.Contains(o.kernels, allKernels) || slices.Contains(o.kernels, c.Kernel.Name)
	return kernel && (o.threads == nil || slices.Contains(o.threads, c.Threads))
}

// parseChange reads "-5%" or "-0.05".
func parseChange(s string) (*float64, error) {
	number, percent := strings.CutSuffix(strings.TrimSpace(s), "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if percent {
		v /= 100
	}
	if err != nil || !(v > -1 && v < 1) {
		return nil, errors.New("want a change between -100% and 100%, such as -5%")
	}
	return &v, nil
}
