package main

import (
	"log/slog"
	"net"
	"time"

	"github.com/spf13/pflag"

	"gominer/stratum/pool"
	"gominer/stratum/transport"
)

// carrierOptions are the flags of pool about what else than plain TCP carries
// Stratum V1.
type carrierOptions struct {
	tls, ws, wss string // where to listen; empty for nowhere

	certFile, keyFile string
	server            transport.ServerConfig
}

// carrierFlags are those of them that no recording is played over.
var carrierFlags = []string{"listen-tls", "listen-ws", "listen-wss", "tls-cert", "tls-key", "tls-client-ca", "tls-min", "ws-path"}

func (o *carrierOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.tls, "listen-tls", "", "serve over TLS on `ADDR` too, host:port")
	f.StringVar(&o.ws, "listen-ws", "", "serve over WebSocket on `ADDR` too")
	f.StringVar(&o.wss, "listen-wss", "", "serve over WebSocket and TLS on `ADDR` too")
	f.StringVar(&o.certFile, "tls-cert", "", "the certificate, with the chain to its authority, is in `FILE` (PEM); without, one is made, and miners know it by its pin, another one each time")
	f.StringVar(&o.keyFile, "tls-key", "", "its private key is in `FILE` (PEM)")
	f.StringVar(&o.server.ClientCAFile, "tls-client-ca", "", "let in only who shows a client certificate of an authority in `FILE` (PEM)")
	valueVar(f, &o.server.Min, "tls-min", "", "1.2", "insist on TLS `VERSION` at least: 1.2 or 1.3", parseTLSVersion)
	f.StringVar(&o.server.Path, "ws-path", "", "the WebSocket is at `PATH` alone, such as /stratum (default: any)")
	for _, name := range []string{"tls-cert", "tls-key", "tls-client-ca"} {
		annotate(f.Lookup(name), annotationFile)
		annotate(f.Lookup(name), annotationSpaces)
	}
}

// any reports whether there is something to listen on.
func (o *carrierOptions) any() bool { return o.tls != "" || o.ws != "" || o.wss != "" }

func (o *carrierOptions) check() error {
	encrypted := o.tls != "" || o.wss != ""
	switch s := &o.server; {
	case !encrypted && (o.certFile != "" || o.keyFile != "" || s.ClientCAFile != "" || s.Min != ""):
		return usagef("--tls-cert, --tls-key, --tls-client-ca and --tls-min go with --listen-tls ADDR or --listen-wss ADDR")
	case o.ws == "" && o.wss == "" && s.Path != "":
		return usagef("--ws-path goes with --listen-ws ADDR or --listen-wss ADDR")
	case (o.certFile == "") != (o.keyFile == ""):
		return usagef("a certificate takes two files: --tls-cert FILE --tls-key FILE")
	}
	for _, l := range []struct{ flag, addr string }{{"listen-tls", o.tls}, {"listen-ws", o.ws}, {"listen-wss", o.wss}} {
		if l.addr == "" {
			continue
		}
		if err := checkListen(l.flag, l.addr); err != nil {
			return err
		}
	}
	return nil
}

// identify gives the server its certificate, if it needs one.
func (o *carrierOptions) identify() (err error) {
	if o.tls == "" && o.wss == "" {
		return nil
	}
	if o.certFile != "" {
		if o.server.Identity, err = transport.ReadIdentity(o.certFile, o.keyFile); err != nil {
			return usagef("--tls-cert: %w", err)
		}
		return nil
	}
	hosts := []string{"localhost", "127.0.0.1", "::1"}
	for _, addr := range []string{o.tls, o.wss} {
		host, _, err := net.SplitHostPort(addr)
		if ip := net.ParseIP(host); err == nil && host != "" && (ip == nil || !ip.IsUnspecified()) {
			hosts = append(hosts, host)
		}
	}
	o.server.Identity, err = transport.NewIdentity(hosts...)
	return err
}

// expiresSoon is how long before its end a certificate is complained about.
const expiresSoon = 14 * 24 * time.Hour

// fronts opens the listeners that the flags ask for. Those that it returns are the
// caller's to close, with an error too.
func (o *carrierOptions) fronts(p *pool.Pool, log *slog.Logger) (opened []front, err error) {
	if err := o.identify(); err != nil {
		return nil, err
	}
	if id := o.server.Identity; id != nil && time.Until(id.Expires()) < expiresSoon {
		log.Warn("the certificate has to be renewed: miners leave when it has expired", "file", o.certFile, "expires", id.Expires())
	}
	for _, l := range []struct {
		flag, addr string
		protocol   transport.Protocol
	}{
		{"listen-tls", o.tls, transport.TLS},
		{"listen-ws", o.ws, transport.WebSocket},
		{"listen-wss", o.wss, transport.SecureWebSocket},
	} {
		if l.addr == "" {
			continue
		}
		plain, err := net.Listen("tcp", l.addr)
		if err != nil {
			return opened, listenError(l.flag, l.addr, err)
		}
		f := front{Listener: plain, url: "stratum+" + l.protocol.String() + "://" + plain.Addr().String(), serve: p.Serve}
		if f.Listener, err = o.wrap(plain, l.protocol); err != nil {
			plain.Close()
			return opened, usagef("%w", err)
		}
		if l.protocol != transport.TLS {
			f.url += o.server.Path
		}
		if l.protocol.Encrypted() {
			host, _, _ := net.SplitHostPort(reachable(plain.Addr().String())) // of a listener: it has both
			f.pin, f.unknown = o.server.Identity.Pin(), !o.server.Identity.TrustedAt(host)
		}
		opened = append(opened, f)
	}
	return opened, nil
}

// wrap returns a listener of what the protocol makes of the connections of l.
func (o *carrierOptions) wrap(l net.Listener, protocol transport.Protocol) (net.Listener, error) {
	var err error
	if protocol.Encrypted() {
		if l, err = transport.ListenTLS(l, o.server); err != nil {
			return nil, err
		}
	}
	if protocol != transport.TLS {
		return transport.ListenWebSocket(l, o.server)
	}
	return l, nil
}
