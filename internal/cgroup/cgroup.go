// Package cgroup tells how much of a machine's processors a process may use where
// Linux limits that by control groups, as containers and services do (Linux,
// Documentation/admin-guide/cgroup-v2.rst, and cgroup-v1 before it).
package cgroup

import (
	"io"
	"io/fs"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Quota returns how many processors this process's group and those above it grant,
// the least of all; 0 for no limit. root holds /proc and /sys: os.DirFS("/") but in
// tests. Where it has nothing of the kind there is no limit.
func Quota(root fs.FS) float64 {
	least := math.Inf(1)
	for line := range strings.Lines(read(root, "proc/self/cgroup")) {
		part := strings.SplitN(strings.TrimSpace(line), ":", 3) // id, controllers, path
		if len(part) != 3 {
			continue
		}
		for dir := path.Clean("/" + part[2]); ; dir = path.Dir(dir) {
			switch {
			case part[1] == "": // version 2
				quota, period, _ := strings.Cut(strings.TrimSpace(read(root, path.Join("sys/fs/cgroup", dir, "cpu.max"))), " ")
				least = min(least, processors(quota, period))
			case slices.Contains(strings.Split(part[1], ","), "cpu"):
				at := path.Join("sys/fs/cgroup/cpu", dir)
				least = min(least, processors(read(root, path.Join(at, "cpu.cfs_quota_us")), read(root, path.Join(at, "cpu.cfs_period_us"))))
			}
			if dir == "/" {
				break
			}
		}
	}
	if math.IsInf(least, 1) {
		return 0
	}
	return least
}

// processors returns quota / period, +Inf if they are no limit.
func processors(quota, period string) float64 {
	q, p := number(quota), number(period)
	if q <= 0 || p <= 0 { // "max", -1, or nothing
		return math.Inf(1)
	}
	return q / p
}

// number returns s as a number, 0 if it is none.
func number(s string) float64 {
	v, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil {
		return 0
	}
	return float64(v)
}

// longest is more than any of the files has, in bytes.
const longest = 1 << 14

// read returns the beginning of a file, "" if it can't be read.
func read(root fs.FS, name string) string {
	f, err := root.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, longest))
	if err != nil {
		return ""
	}
	return string(b)
}
