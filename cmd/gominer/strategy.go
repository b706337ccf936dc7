package main

import (
	"time"

	"github.com/spf13/pflag"

	"gominer/miner"
)

// strategy is how several pools and nodes are mined on.
type strategy int

const (
	failover strategy = iota
	roundRobin
	quota
	latency
)

var strategies = choices[strategy]{
	{"failover", failover}, {"round-robin", roundRobin}, {"quota", quota}, {"latency", latency},
}

// defaultTurn is how long each has its turn in a round robin.
const defaultTurn = 10 * time.Minute

// strategyFlags defines how the list of pools is gone about.
func (o *sourceOptions) strategyFlags(f *pflag.FlagSet) {
	valueVar(f, &o.strategy, "strategy", "", "failover", "with several URLs, `HOW` to go about them: failover mines on the first that works, "+
		"round-robin on each in turn, quota on all at once by --weight, latency on the one that answers the soonest", strategies.parse)
	f.DurationVar(&o.turn, "rotate", defaultTurn, "round-robin: go to the next after `TIME`; 0s: when one fails")
}

// checkStrategy finds flags that the strategy has no use for.
func (o *sourceOptions) checkStrategy() error {
	if f := o.given.Lookup("rotate"); f.Changed && o.strategy != roundRobin && originOf(f).layer == fromFlag {
		return usagef("--rotate is for --strategy round-robin")
	}
	if o.turn < 0 || o.turn > 0 && o.turn < time.Second {
		return usagef("--rotate %v: want 1s or more, or 0s for when one fails", o.turn)
	}
	for _, u := range o.list {
		weight, ok := u.said["weight"]
		switch {
		case !ok:
		case o.strategy != quota && weight.from.layer == fromFlag:
			return usagef("--weight is for --strategy quota")
		case !(u.weight > 0) || u.weight > mostWeight:
			return usagef("%s %s: want a number above 0", weight.from.named("weight"), weight.value)
		}
	}
	return nil
}

// mostWeight bounds a weight: with more than that, others would never have a turn.
const mostWeight = 1e6

// join makes one source of those that are mined on, the most preferred first.
func (o *sourceOptions) join(sources []miner.Source) miner.Source {
	switch o.strategy {
	case roundRobin:
		return miner.RoundRobin(o.turn, sources...)
	case latency:
		return miner.Nearest(sources...)
	case quota:
		list := make([]miner.Weighted, len(sources))
		for i, s := range sources {
			list[i] = miner.Weighted{Source: s, Weight: o.list[i].weight}
		}
		return miner.Quota(list...)
	}
	return miner.Failover(sources...)
}
