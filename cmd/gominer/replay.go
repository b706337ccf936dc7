package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"gominer/internal/units"
	"gominer/miner"
	"gominer/stratum"
	"gominer/stratum/pool"
	"gominer/stratum/record"
	"gominer/stratum/replay"
)

const replayScheme = "replay:"

// isReplay reports whether url is that of a recording.
func isReplay(url string) bool {
	return len(url) >= len(replayScheme) && strings.EqualFold(url[:len(replayScheme)], replayScheme)
}

// parseSpeed reads how many times as fast as it was a recording is played.
func parseSpeed(s string) (float64, error) {
	if strings.EqualFold(s, "max") {
		return math.Inf(1), nil
	}
	v, err := strconv.ParseFloat(strings.TrimSuffix(s, "x"), 64)
	if err != nil || !(v > 0) || math.IsInf(v, 0) {
		return 0, errors.New("want a number above 0, such as 10, or max")
	}
	return v, nil
}

// openReplay returns a server that plays the recording at path.
func openReplay(path string, cfg replay.Config) (*replay.Server, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if cfg.Sessions, err = record.Sessions(record.NewReader(file)); err == nil {
		var server *replay.Server
		if server, err = replay.New(cfg); err == nil {
			return server, nil
		}
	}
	return nil, fmt.Errorf("%s: %w", path, err)
}

// recorded is a recording as a pool to mine on: the client is the one for pools,
// and what it dials is a replay in memory.
type recorded struct {
	*stratum.Source
	name   string
	server *replay.Server
	conns  sync.WaitGroup
}

// openRecorded returns the recording that url names as a source.
func openRecorded(url string, cfg stratum.Config, speed float64) (*recorded, error) {
	server, err := openReplay(url[len(replayScheme):], replay.Config{Speed: speed})
	if err != nil {
		return nil, err
	}
	r := &recorded{name: url, server: server}
	cfg.URL, cfg.Dial, cfg.Proxy = "replay:1", r.dial, "" // which is for other pools
	if cfg.User == "" {
		cfg.User = "replay"
	}
	if r.Source, err = stratum.New(cfg); err != nil {
		return nil, err
	}
	return r, nil
}

// Name returns the URL that the user gave.
func (r *recorded) Name() string { return r.name }

// Run mines on the replay. What it dials ends with it.
func (r *recorded) Run(ctx context.Context, ms *miner.Session) error {
	defer r.conns.Wait()
	return r.Source.Run(ctx, ms)
}

// dial connects to the replay, whatever the address: that a client followed
// client.reconnect to, as well.
func (r *recorded) dial(context.Context, string, string) (net.Conn, error) {
	mine, theirs := net.Pipe()
	r.conns.Go(func() { r.server.ServeConn(context.Background(), theirs) })
	return mine, nil
}

// replay serves a recording as a pool.
func (p *process) replay(ctx context.Context, o *poolOptions) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	d := p.show(&o.output, cancel)
	server, err := openReplay(o.replay, replay.Config{Speed: o.replaySpeed, MaxConns: o.pool.MaxConns, Log: d.log})
	if err != nil {
		return verbError("pool", err)
	}
	l, err := net.Listen("tcp", o.listen)
	if err != nil {
		return verbError("pool", listenError("listen", o.listen, err))
	}
	if err := d.announce([]front{{Listener: l, url: "stratum+tcp://" + l.Addr().String()}}); err != nil {
		l.Close()
		return err
	}
	d.log.Info("replaying", "file", o.replay, "connections", server.Sessions())
	started := time.Now()
	stop := d.watch(ctx, func() string { return replayLine(server.Stats(), started) }, func() {
		s := server.Stats()
		d.log.Info("progress", "miners", s.Miners, "accepted", s.Accepted, "rejected", s.Rejected, "blocks", s.Blocks)
	})
	err = server.Serve(ctx, l)
	stop()
	s := server.Stats()
	sum := pool.Stats{Started: started, Found: s.Blocks, Total: pool.Tally{Accepted: s.Accepted, Rejected: s.Rejected, Best: s.Best}}
	if e := d.summarizePool(sum); err == nil {
		err = e
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return err
}

// replayLine says in one line how the replay stands.
func replayLine(s replay.Stats, started time.Time) string {
	return strings.Join([]string{
		units.Span(time.Since(started)), "replay", units.Plural(uint64(s.Miners), "miner"),
		fmt.Sprintf("%s accepted, %s rejected", units.Count(s.Accepted), units.Count(s.Rejected)),
	}, " · ")
}
