package transport

import (
	"io"
	"net"
	"net/netip"
	"strings"
)

// SOCKS version 5 (RFC 1928) with user and password (RFC 1929). It is written
// out here, although golang.org/x/net has one, for the answers: that one turns
// them into texts, and a user has to be told what to do about each.

const (
	socksVersion = 5
	authVersion  = 1

	methodNone     = 0
	methodPassword = 2
	methodRefused  = 0xff

	commandConnect = 1

	addressIPv4 = 1
	addressName = 3
	addressIPv6 = 4

	mostSOCKSText = 255 // bytes of a name, a user, a password
)

// socks asks a SOCKS5 proxy for a connection to the server.
func (p *proxy) socks(nc net.Conn, to Endpoint) (net.Conn, error) {
	request, err := socksRequest(to)
	if err != nil {
		return nil, err
	}
	offer := []byte{socksVersion, 1, methodNone}
	if p.user != "" {
		offer = []byte{socksVersion, 2, methodNone, methodPassword}
	}
	if _, err := nc.Write(offer); err != nil {
		return nil, err
	}
	method, err := readMethod(nc, p.user != "")
	if err != nil {
		return nil, err
	}
	if method == methodPassword {
		b := append([]byte{authVersion, byte(len(p.user))}, p.user...)
		b = append(append(b, byte(len(p.password))), p.password...)
		if _, err := nc.Write(b); err != nil {
			return nil, err
		}
		if err := readAuthorized(nc); err != nil {
			return nil, err
		}
	}
	if _, err := nc.Write(request); err != nil {
		return nil, err
	}
	return nc, readReply(nc)
}

// socksRequest asks for a connection. A name goes to the proxy as it is.
func socksRequest(to Endpoint) ([]byte, error) {
	b := []byte{socksVersion, commandConnect, 0}
	ip, err := netip.ParseAddr(to.Host)
	ip = ip.Unmap()
	switch {
	case err == nil && ip.Zone() != "":
		return nil, errorf(nil, "the address %s holds on this machine only: a proxy cannot use it", quote(to.Host))
	case err == nil && ip.Is4():
		b = append(append(b, addressIPv4), ip.AsSlice()...)
	case err == nil:
		b = append(append(b, addressIPv6), ip.AsSlice()...)
	default:
		name := strings.TrimSuffix(to.Host, ".")
		if name == "" || len(name) > mostSOCKSText {
			return nil, errorf(nil, "a host name of %d bytes cannot be told to a proxy", len(name))
		}
		b = append(append(b, addressName, byte(len(name))), name...)
	}
	return append(b, byte(to.Port>>8), byte(to.Port)), nil
}

// readMethod reads which way of authentication the proxy chose.
func readMethod(r io.Reader, offered bool) (byte, error) {
	var b [2]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return 0, err
	}
	switch {
	case b[0] != socksVersion:
		return 0, errorf(nil, "it does not speak SOCKS5: check its scheme and port")
	case b[1] == methodRefused && offered:
		return 0, errorf(nil, "it takes no authentication that is offered: it may let some addresses in only")
	case b[1] == methodRefused:
		return 0, errorf(nil, "it wants a user and a password: socks5://USER:PASSWORD@host:port")
	case b[1] == methodNone, b[1] == methodPassword && offered:
		return b[1], nil
	}
	return 0, errorf(nil, "it chose an authentication that was not offered (%#02x)", b[1])
}

// readAuthorized reads what the proxy says to user and password. Some answer
// with the version of SOCKS.
func readAuthorized(r io.Reader) error {
	var b [2]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return err
	}
	switch {
	case b[0] != authVersion && b[0] != socksVersion:
		return errorf(nil, "its answer to user and password is not that of SOCKS5 (%#02x)", b[0])
	case b[1] != 0:
		return errorf(nil, "it refuses the user or the password")
	}
	return nil
}

// replies are what a proxy may answer in place of a connection (RFC 1928 §6, and
// Tor's from 0xf0 on, as its specification "socks-extensions" has them).
var replies = map[byte]string{
	1:    "it failed to connect to the server, and does not say why",
	2:    "its rules do not allow connections to this host and port",
	3:    "the server's network cannot be reached from it",
	4:    "it cannot reach the server, or there is no such host",
	5:    "the server refused its connection: nothing listens there: check the port, or wait for the server",
	6:    "the server does not answer it",
	7:    "it does not connect to others: is it a proxy?",
	8:    "it does not take this kind of address: try a name, or IPv4",
	0xf0: "there is no such onion service, or it is down",
	0xf1: "the onion service's descriptor is not valid",
	0xf2: "the onion service could not be reached: introduction failed",
	0xf3: "the onion service could not be reached: rendezvous failed",
	0xf4: "the onion service wants a client authorization that Tor does not have",
	0xf5: "the onion service refuses Tor's client authorization",
	0xf6: "that is no valid onion address: check the host",
	0xf7: "the onion service could not be reached: its introduction timed out",
}

// readReply reads the answer to a request, to its last byte.
func readReply(r io.Reader) error {
	var b [4]byte
	if _, err := io.ReadFull(r, b[:2]); err != nil {
		return err
	}
	switch {
	case b[0] != socksVersion:
		return errorf(nil, "its answer is not that of SOCKS5 (%#02x)", b[0])
	case b[1] != 0:
		if text, ok := replies[b[1]]; ok {
			return errorf(nil, "%s", text)
		}
		return errorf(nil, "it failed to connect to the server (code %#02x)", b[1])
	}
	if _, err := io.ReadFull(r, b[2:]); err != nil {
		return err
	}
	size := 0 // of the address it connects from, which nobody needs
	switch b[3] {
	case addressIPv4:
		size = 4
	case addressIPv6:
		size = 16
	case addressName:
		if _, err := io.ReadFull(r, b[:1]); err != nil {
			return err
		}
		size = int(b[0])
	default:
		return errorf(nil, "its answer has an unknown kind of address (%#02x)", b[3])
	}
	var bound [mostSOCKSText + 2]byte
	_, err := io.ReadFull(r, bound[:size+2]) // and the port
	return err
}
