package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gominer/bench"
	"gominer/hasher"
)

func newBenchCompare(p *process) *cobra.Command {
	o := &benchOptions{known: hasher.Kernels()}
	cmd := &cobra.Command{
		Use:   "compare A [B] [flags]",
		Short: "Say what has changed between two reports of bench --json",
		Long: `Compares the hash rates of two files that gominer bench --json wrote; with A alone
it measures the same again here and compares. A change is real if the
Mann-Whitney U test gives p < 0.05, or, with 3 runs a side, if the runs of the two
don't overlap; else it is noise.`,
		Example: `gominer bench --json > before.json
gominer bench compare before.json
gominer bench compare before.json after.json --fail-below -5%
gominer bench compare before.json after.json --cpu-time`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || len(args) > 2 {
				return usagef("bench compare takes one or two files that gominer bench --json wrote, not %d", len(args))
			}
			return benchError("bench compare", p.benchCompare(cmd.Context(), o, args))
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"json"}, cobra.ShellCompDirectiveFilterFileExt
		},
	}
	section(cmd, "Comparison", func(f *pflag.FlagSet) {
		valueVar(f, &o.failBelow, "fail-below", "", "", "exit code 3 if a real change is below `CHANGE`, such as -5%", parseChange)
		f.BoolVar(&o.perCPU, "cpu-time", false, "compare rates by CPU time, which other programs disturb less")
	})
	section(cmd, "Measurement of the second, if A stands alone", o.againFlags)
	o.outputFlags(cmd)
	return cmd
}

// againFlags define how a report is measured again.
func (o *benchOptions) againFlags(f *pflag.FlagSet) {
	f.StringSliceVarP(&o.kernels, "kernel", "k", nil, "only the kernels of `LIST` (default: all in A)")
	valueVar(f, &o.threads, "threads", "t", "", "only with the numbers of threads in `LIST`, such as 4, 1..4 or 1,2,8 (default: all in A)", parseThreads)
	f.DurationVar(&o.cfg.Time, "time", benchTime, "let each measurement take `TIME`")
	f.IntVar(&o.cfg.Runs, "runs", benchRuns, "measure everything `N` times, in turn")
	f.BoolVar(&o.cfg.Thorough, "verify", false, "prove the kernels at length before")
}

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
		_, err = fmt.Fprint(p.stdout, c.Text(p.textWidth())+o.adviseOn(c, p.textWidth()))
	}
	switch {
	case err != nil:
		return err
	case len(c.Changes) == 0:
		return fmt.Errorf("the two have nothing in common")
	case o.failBelow == nil:
		return nil
	}
	var below []string
	for _, x := range c.Below(*o.failBelow) {
		below = append(below, x.String())
	}
	if len(below) > 0 {
		return &coded{exitFailed, fmt.Errorf("below %+.3g%%: %s", 100**o.failBelow, strings.Join(below, ", "))}
	}
	return nil
}

// adviseOn says what to do about changes that the noise hides, if there are any.
func (o *benchOptions) adviseOn(c *bench.Comparison, width int) string {
	if !c.Hidden() {
		return ""
	}
	text := "What is noise may be a change too small to tell: measure both again with more runs (--runs 20) or longer ones (--time 10s), " +
		"on a machine that does nothing else"
	if !o.perCPU {
		text += "; --cpu-time compares what other programs disturb less"
	}
	return "\n" + strings.Join(wrap(text+".", min(width, helpWidth)), "\n") + "\n"
}

// measureAgain measures what a has.
func (p *process) measureAgain(ctx context.Context, o *benchOptions, a *bench.Report, file string) (*bench.Report, error) {
	cases, missing := a.Cases(o.known)
	o.cfg.Cases = slices.DeleteFunc(cases, func(c bench.Case) bool { return !o.wants(c) })
	if len(o.cfg.Cases) == 0 {
		return nil, fmt.Errorf("%s has nothing that was asked for and that this machine can run", file)
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
		return nil, fmt.Errorf("there is no file %s; gominer bench --json writes one", file)
	}
	if err != nil {
		return nil, fmt.Errorf("%w", err)
	}
	defer f.Close()
	r, err := bench.Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
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
