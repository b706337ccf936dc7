package stratum

import (
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"

	"gominer/stratum/v1"
)

const (
	mostReconnectWait = time.Minute      // whatever the pool asks for
	reconnectEvery    = 10 * time.Second // at most

	// mostIdle is how long a pool may keep its client from mining before a reconnect.
	// For longer Run gives way to other pools.
	mostIdle = 5 * time.Second
)

// move is where a pool sends its client.
type move struct {
	to   address
	wait time.Duration
}

// follow decides about client.reconnect. The second result says why it is not
// followed; it is empty if it is.
func (s *Source) follow(m *v1.Reconnect, from address) (*move, string) {
	mv := &move{to: from, wait: min(m.Wait, mostReconnectWait)}
	if m.Host != "" {
		mv.to.host = strings.TrimSuffix(strings.TrimPrefix(m.Host, "["), "]")
	}
	if m.Port != 0 {
		mv.to.port = m.Port
	}
	switch {
	case s.cfg.Reconnect == ReconnectRefuse:
		return nil, "the settings refuse all"
	case !validHost(mv.to.host):
		return nil, "that is no host"
	case s.cfg.Reconnect != ReconnectAllow && !sameSite(s.pool.host, mv.to.host):
		return nil, "that is another site than the pool's"
	case !s.followed.IsZero() && time.Since(s.followed) < reconnectEvery:
		return nil, "it is too soon after the last"
	}
	s.followed = time.Now()
	return mv, ""
}

// sameSite reports whether two hosts are the same, or names below the same
// registrable domain by the public suffix list. An IP address is only the same
// as itself.
func sameSite(a, b string) bool {
	a, b = canonical(a), canonical(b)
	if a == b {
		return true
	}
	if isIP(a) || isIP(b) {
		return false
	}
	da, err := publicsuffix.EffectiveTLDPlusOne(a)
	if err != nil { // it is a public suffix, or "localhost"
		return false
	}
	db, err := publicsuffix.EffectiveTLDPlusOne(b)
	return err == nil && da == db
}

// canonical returns the host as it can be compared.
func canonical(host string) string {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().String()
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

func isIP(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// validHost reports whether host is an IP address or a name that can stand in
// the DNS.
func validHost(host string) bool {
	if isIP(host) {
		return true
	}
	name := strings.TrimSuffix(host, ".")
	if name == "" || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.TrimLeft(label, labelChars) != "" {
			return false
		}
	}
	return true
}

const labelChars = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
