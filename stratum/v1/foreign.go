package v1

import "strings"

// Foreign is a protocol that a peer speaks in the place of Stratum V1.
type Foreign int

// The protocols that are recognized by how they begin.
const (
	ForeignUnknown Foreign = iota
	ForeignHTTP
	ForeignTLS
	ForeignSSH
	ForeignBinary // no text of any kind: the encryption of Stratum V2 begins so
)

// methods are those of HTTP requests, with the space behind them.
var methods = []string{"GET ", "POST ", "HEAD ", "OPTIONS ", "PUT ", "CONNECT ", "PRI "}

// Speaks tells by the start of the line what the peer seems to speak.
func (e *ProtocolError) Speaks() Foreign {
	start := e.Line // visible has escaped it
	switch {
	case strings.HasPrefix(start, "HTTP/"), strings.HasPrefix(start, "<"):
		return ForeignHTTP
	case strings.HasPrefix(start, `\u0015\u0003`), strings.HasPrefix(start, `\u0016\u0003`):
		return ForeignTLS
	case strings.HasPrefix(start, "SSH-"):
		return ForeignSSH
	case !strings.HasPrefix(start, "{") && strings.Contains(start, `\x`): // a byte that is not UTF-8
		return ForeignBinary
	}
	for _, m := range methods {
		if strings.HasPrefix(start, m) {
			return ForeignHTTP
		}
	}
	return ForeignUnknown
}
