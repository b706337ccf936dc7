package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"gominer/stratum/noise"
	"gominer/stratum/pool"
)

// v2Options are the flags of pool about Stratum V2.
type v2Options struct {
	listen  string
	keyFile string
}

// v2Flags defines how the pool serves Stratum V2.
func (o *poolOptions) v2Flags(f *pflag.FlagSet) {
	cfg := &o.pool.V2
	f.StringVar(&o.v2.listen, "listen-v2", "", "serve Stratum V2 on `ADDR` too, host:port; with --listen '' nothing else")
	f.StringVar(&o.v2.keyFile, "authority-key", "", "the authority's secret key, by which miners know the pool, stands in `FILE`, which is made if there is none; without, it is another one each time")
	f.IntVar(&cfg.Batch, "v2-batch", pool.DefaultBatch, "acknowledge `N` shares of a channel at once; what is fewer waits for 10 s at most")
	f.IntVar(&cfg.ExtranonceSize, "v2-extranonce-size", pool.DefaultExtranonceSize, "miners choose `N` bytes of extranonce on an extended channel, 1 to 28")
}

// checkV2 checks what v2Flags set.
func (o *poolOptions) checkV2() error {
	switch {
	case o.v2.listen == "" && o.v2.keyFile != "":
		return usagef("--authority-key goes with --listen-v2 ADDR")
	case o.v2.listen == "" && o.listen == "" && !o.carriers.any():
		return usagef("--listen '': nothing to listen on; want host:port, or --listen-tls, --listen-v2… beside it")
	case o.pool.V2.Batch < 1:
		return usagef("--v2-batch %d: want a number above 0", o.pool.V2.Batch)
	case o.pool.V2.ExtranonceSize < 1:
		return usagef("--v2-extranonce-size %d: want 1 to 28", o.pool.V2.ExtranonceSize)
	}
	if o.v2.listen == "" {
		return nil
	}
	return checkListen("listen-v2", o.v2.listen)
}

func checkListen(flag, addr string) error {
	if _, port, err := net.SplitHostPort(addr); err != nil || port == "" {
		return usagef("--%s %q: want host:port, such as 127.0.0.1:3333 or :3333", flag, addr)
	}
	return nil
}

// front is a listener and what is spoken there.
type front struct {
	net.Listener
	url   string // for miners
	serve func(context.Context, net.Listener) error

	pin     string // of the key, over TLS
	unknown bool   // by which alone this machine would know it
}

// fronts opens the listeners that the flags ask for. They are the caller's to
// close.
func (o *poolOptions) fronts(p *pool.Pool) (opened []front, err error) {
	defer func() {
		if err != nil {
			closeAll(opened)
			opened = nil
		}
	}()
	if o.listen != "" {
		l, err := net.Listen("tcp", o.listen)
		if err != nil {
			return opened, listenError("listen", o.listen, err)
		}
		opened = append(opened, front{Listener: l, url: "stratum+tcp://" + l.Addr().String(), serve: p.Serve})
	}
	more, err := o.carriers.fronts(p, o.pool.Log)
	opened = append(opened, more...)
	if err != nil || o.v2.listen == "" {
		return opened, err
	}
	key, err := o.v2.authority()
	if err != nil {
		return opened, err
	}
	// Nothing is gained by a certificate that ends: who can read the key of this
	// process can read the authority's. It begins early for clocks that run late.
	id, err := noise.NewIdentity(key, time.Now().Add(-24*time.Hour), time.Unix(math.MaxUint32, 0))
	if err != nil {
		return opened, err
	}
	l, err := net.Listen("tcp", o.v2.listen)
	if err != nil {
		return opened, listenError("listen-v2", o.v2.listen, err)
	}
	return append(opened, front{
		Listener: l, url: fmt.Sprintf("stratum2+tcp://%s/%v", l.Addr(), key.Public()),
		serve: func(ctx context.Context, l net.Listener) error { return p.ServeV2(ctx, l, id) },
	}), nil
}

func closeAll(fronts []front) {
	for _, f := range fronts {
		f.Close()
	}
}

// mostKey is more than a key file has.
const mostKey = 1 << 10

// authority returns the secret key of --authority-key, which is made where there
// is none, or a new one.
func (o *v2Options) authority() (*noise.PrivateKey, error) {
	if o.keyFile == "" {
		return noise.GeneratePrivateKey()
	}
	f, err := os.Open(o.keyFile)
	if errors.Is(err, fs.ErrNotExist) {
		return o.makeAuthority()
	}
	if err != nil {
		return nil, usagef("--authority-key: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, mostKey))
	if err != nil {
		return nil, fmt.Errorf("--authority-key: %w", err)
	}
	key, err := noise.ParsePrivateKey(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, usagef("--authority-key %s: %w; a missing file is made", o.keyFile, err)
	}
	return key, nil
}

func (o *v2Options) makeAuthority() (*noise.PrivateKey, error) {
	key, err := noise.GeneratePrivateKey()
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(o.keyFile, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, unwritable("authority-key", err)
	}
	_, err = fmt.Fprintln(f, key.Encode())
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(o.keyFile)
		return nil, fmt.Errorf("--authority-key: %w", err)
	}
	return key, nil
}
