package main

import (
	"fmt"
	"strings"
	"time"

	"gominer/hasher"
	"gominer/hasher/cpu"
)

// measured is a kernel and how fast one thread of this machine runs it, in H/s.
type measured struct {
	hasher.Kernel
	rate float64
}

// measureTime is how long each kernel is tried: long enough to tell them apart,
// short enough that nobody waits.
const measureTime = 20 * time.Millisecond

// measure tries a kernel on one thread.
func measure(k hasher.Kernel) measured {
	var h hasher.Header
	var p hasher.Prep
	versions := make([]uint32, k.Versions)
	for i := range versions {
		versions[i] = uint32(i) << 13
	}
	p.Prepare(&h, 0, versions...)
	found := make([]hasher.Candidate, 0, 64)
	var best float64
	for start, n := time.Now(), uint32(256); time.Since(start) < measureTime; {
		n = max(n-n%uint32(k.Lanes), uint32(k.Lanes))
		began := time.Now()
		found = k.Find(&p, 0, n, found[:0])
		took := max(time.Since(began), time.Nanosecond)
		best = max(best, float64(n)*float64(k.Versions)/took.Seconds())
		if took < measureTime/16 {
			n *= 2
		}
	}
	return measured{k, best}
}

// choice is the kernels that the processor mines with.
type choice struct {
	plain    measured  // for any job
	versions *measured // for jobs that allow version rolling; nil: plain
}

// rate returns what one thread does on a job that allows version rolling, in
// H/s.
func (c *choice) rate() float64 {
	if c.versions != nil {
		return c.versions.rate
	}
	return c.plain.rate
}

// name returns the kernel that most jobs are mined with.
func (c *choice) name() string {
	if c.versions != nil {
		return c.versions.Name
	}
	return c.plain.Name
}

func (c *choice) configure(cfg *cpu.Config) {
	cfg.Kernel = c.plain.Kernel
	if c.versions != nil {
		cfg.VersionKernel = c.versions.Kernel
	}
}

// autoKernel lets the fastest one be found out.
const autoKernel = "auto"

// chooseKernel returns the kernel of that name, or what is fastest among all.
func chooseKernel(name string) (*choice, error) {
	if name != autoKernel {
		if _, ok := hasher.KernelByName(name); !ok {
			names := append(kernelNames(), autoKernel)
			return nil, usagef("--kernel %q: this machine has none of that name%s; it can run %s",
				name, didYouMean(name, names), strings.Join(names, ", "))
		}
	}
	return fastest(measureAll(), name)
}

func measureAll() (all []measured) {
	for _, k := range hasher.Kernels() {
		all = append(all, measure(k))
	}
	return all
}

// fastest picks from all: the one of that name, and a plain one for what it
// can't do.
func fastest(all []measured, name string) (*choice, error) {
	c := &choice{}
	for i := range all {
		m := &all[i]
		wanted := name == autoKernel || m.Name == name
		switch {
		case m.Versions == 1 && (m.Name == name || c.plain.Name != name && m.rate > c.plain.rate):
			c.plain = *m
		case m.Versions > 1 && wanted && (c.versions == nil || m.rate > c.versions.rate):
			c.versions = m
		}
	}
	if c.plain.Find == nil {
		return nil, fmt.Errorf("no kernel runs on this machine")
	}
	if c.versions != nil && name == autoKernel && c.versions.rate <= c.plain.rate {
		c.versions = nil
	}
	return c, nil
}
