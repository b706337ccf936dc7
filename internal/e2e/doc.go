// Package e2e runs the gominer program against real parts over loopback: a node,
// btcd on its simnet; a SOCKS5 proxy, Dante; a web server, nginx; Go's own TLS. It
// holds tests alone and shares no code with gominer: the client that asks the node
// and the code that makes and checks transactions are its own or btcd's, so that no
// mistake is made twice in the same way.
//
// It is a module of its own, which keeps btcd out of gominer's go.mod.
package e2e
