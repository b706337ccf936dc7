package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"gominer/hasher"
	"gominer/stratum"
	"gominer/stratum/v1"
)

// v1Options are what is said of a pool that speaks Stratum V1, and is not bound
// right into its Config.
type v1Options struct {
	workersFile string
	info        bool
	hardwareID  string
}

// v1Flags are those about Stratum V1 alone.
var v1Flags = []string{"workers", "workers-file", "worker-spread", "send-info", "hardware-id", "send-capabilities", "audit-jobs",
	"submit-timeout", "ping-timeout"}

var spreads = choices[stratum.Spread]{{"weight", stratum.SpreadByWeight}, {"device", stratum.SpreadByDevice}}

// v1Flags defines v1Flags, and what is like them but for both versions.
func (u *upstream) v1Flags(f *pflag.FlagSet) {
	c, t, o := &u.pool, &u.pool.Timeouts, &u.v1
	valueVar(f, &c.SuggestTarget, "suggest-target", "", "", "ask the pool for a share difficulty as the target `HEX`, 64 digits", hasher.ParseTarget)
	f.Float64Var(&c.MinimumDifficulty, "minimum-difficulty", 0, "ask the pool for shares of the difficulty `D` at least, ever")
	valueVar(f, &c.Workers, "workers", "", "", "authorize further workers on the same connection: a `LIST` such as alice.rig2,alice.rig3=5, "+
		"where rig3 has five times the shares; their password is that of the user", parseWorkers)
	f.StringVar(&o.workersFile, "workers-file", "", "the same from `FILE`: a line USER [WEIGHT [PASSWORD]] for each")
	valueVar(f, &c.Spread, "worker-spread", "", "weight", "with several workers, give each its shares by `HOW`: "+spreads.list()+", which gives every device a worker of its own", spreads.parse)
	f.BoolVar(&o.info, "send-info", false, "tell the pool which program on which processor this is (mining.configure)")
	f.StringVar(&o.hardwareID, "hardware-id", "", "likewise, and that this machine is called `ID`")
	f.BoolVar(&c.Capabilities, "send-capabilities", false, "send mining.capabilities too, a draft that few pools know")
	f.IntVar(&c.Rejects, "max-rejects", stratum.DefaultRejects, "leave a pool that refuses `N` right shares in a row for no reason to be seen; 0: never")
	f.BoolVar(&c.AuditJobs, "audit-jobs", false, "ask the pool for the transactions of its jobs, hold the merkle branch and the witness commitment against them, and show whom the coinbase pays")
	f.DurationVar(&t.Handshake, "handshake-timeout", stratum.DefaultTimeouts.Handshake, "leave a pool that has not let the user in, or given the first job then, after `TIME`")
	f.DurationVar(&t.Ping, "ping-timeout", stratum.DefaultTimeouts.Ping, "as --silent-timeout, for a pool that answers mining.ping: `TIME` without a word")
	f.DurationVar(&t.Ask, "answer-timeout", stratum.DefaultTimeouts.Ask, "leave a pool that gives no sign of life within `TIME` after it was asked for one; a slow pool has four times its slowest answer")
}

// settleV1 works out what the flags come to.
func (u *upstream) settleV1() (err error) {
	if s, ok := u.said["max-rejects"]; ok && u.pool.Rejects < 0 {
		return usagef("%s %d: want a number of shares, or 0 for never", s.from.named("max-rejects"), u.pool.Rejects)
	} else if ok && u.pool.Rejects == 0 {
		u.pool.Rejects = -1
	}
	for name, d := range map[string]time.Duration{
		"handshake-timeout": u.pool.Timeouts.Handshake, "ping-timeout": u.pool.Timeouts.Ping, "answer-timeout": u.pool.Timeouts.Ask,
	} {
		if d <= 0 {
			return usagef("%s %v: want a time above 0", u.said[name].from.named(name), d)
		}
	}
	if u.v1.info || u.v1.hardwareID != "" {
		u.pool.Info = v1.Info{HWVersion: v1.CleanText(processorModel(), 64), SWVersion: agent(), HWID: u.v1.hardwareID}
	}
	if u.v1.workersFile != "" {
		if u.pool.Workers, err = readWorkers(u.v1.workersFile); err != nil {
			return usagef("%s: %w", u.said["workers-file"].from.named("workers-file"), err)
		}
	}
	return nil
}

// parseWorkers reads a list of workers: "USER,USER=WEIGHT".
func parseWorkers(list string) (ws []stratum.Worker, err error) {
	for part := range strings.SplitSeq(list, ",") {
		user, weight, weighs := strings.Cut(strings.TrimSpace(part), "=")
		w := stratum.Worker{User: user}
		if weighs {
			if w.Weight, err = parseWeight(weight); err != nil {
				return nil, err
			}
		}
		if user == "" {
			return nil, errors.New("a worker has no name: want USER or USER=WEIGHT, with commas between")
		}
		ws = append(ws, w)
	}
	return ws, nil
}

func parseWeight(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%q is no weight: want a whole number from 1", s)
	}
	return n, nil
}

// mostWorkersFile bounds a file of workers, in bytes.
const mostWorkersFile = 4 << 20

// readWorkers reads a file of workers: a line "USER [WEIGHT [PASSWORD]]" for
// each. Empty lines, and those that begin with #, say nothing.
func readWorkers(path string) (ws []stratum.Worker, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, mostWorkersFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > mostWorkersFile {
		return nil, fmt.Errorf("%s: it is larger than %d bytes", path, mostWorkersFile)
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		user, rest, _ := strings.Cut(line, " ")
		weight, pass, _ := strings.Cut(strings.TrimSpace(rest), " ")
		w := stratum.Worker{User: user, Pass: strings.TrimSpace(pass)}
		if weight != "" {
			if w.Weight, err = parseWeight(weight); err != nil {
				return nil, fmt.Errorf("%s:%d: %w", path, n, err)
			}
		}
		ws = append(ws, w)
	}
	switch {
	case lines.Err() != nil:
		return nil, fmt.Errorf("%s: %w", path, lines.Err())
	case len(ws) == 0:
		return nil, fmt.Errorf("%s: there is no worker in it: want a line USER [WEIGHT [PASSWORD]] for each", path)
	}
	return ws, nil
}
