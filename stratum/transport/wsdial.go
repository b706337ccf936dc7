package transport

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// dialWebSocket makes a WebSocket of nc, which it closes if that fails.
func dialWebSocket(ctx context.Context, nc net.Conn, to Endpoint, times *Timeouts) (net.Conn, error) {
	sub, cancel := context.WithTimeout(ctx, times.Handshake)
	defer cancel()
	given := false
	carrier := &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			if given {
				return nil, errors.New("the connection is used up")
			}
			given = true
			return nc, nil
		},
		MaxResponseHeaderBytes: mostAnswer,
		DisableCompression:     true,
	}
	ws, resp, err := websocket.Dial(sub, urlOf(to), &websocket.DialOptions{
		Host: hostHeader(to),
		HTTPClient: &http.Client{
			Transport:     carrier,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	})
	if err != nil {
		_ = nc.Close()
		carrier.CloseIdleConnections()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, explainUpgrade(err, resp, times.Handshake)
	}
	return newWSConn(nc, ws, false, times.Heartbeat), nil
}

// urlOf returns the URL that is asked for over the connection, encrypted or not.
func urlOf(to Endpoint) string {
	path := to.Path
	if path == "" {
		path = "/"
	}
	return "ws://" + strings.ReplaceAll(to.String(), "%", "%25") + path // the zone of an IPv6 address
}

// hostHeader returns the host as browsers write it: without the port that a
// scheme implies.
func hostHeader(to Endpoint) string {
	if to.Port == 80 && to.Protocol == WebSocket || to.Port == 443 && to.Protocol == SecureWebSocket {
		e := Endpoint{Host: to.Host}
		s := e.String()
		return s[:len(s)-len(":0")]
	}
	return to.String()
}

// explainUpgrade says why a server gave no WebSocket.
func explainUpgrade(err error, resp *http.Response, limit time.Duration) error {
	var ours *Error
	if errors.As(err, &ours) {
		return ours
	}
	if resp != nil {
		return errorf(err, "the server gives no WebSocket, but HTTP %d%s", resp.StatusCode, statusHint(resp.StatusCode))
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return errorf(err, "no answer to the WebSocket handshake within %v: is this a WebSocket port?", limit)
	}
	if cut := explainCut(err, "server", "the WebSocket handshake"); cut != nil {
		return errorf(err, "%v: is this a WebSocket port?", cut)
	}
	return errorf(err, "the server does not speak HTTP there, and so no WebSocket: check scheme and port")
}

// statusHint says what to do about a status of HTTP.
func statusHint(code int) string {
	switch {
	case code == http.StatusSwitchingProtocols:
		return ", which breaks the rules of WebSocket"
	case code/100 == 3:
		return ": it has moved: ask its operator where to"
	case code == http.StatusBadRequest:
		return ": is this a TLS port?"
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return ": it does not let everybody in: check the path, or ask its operator"
	case code == http.StatusNotFound, code == http.StatusOK, code == http.StatusUpgradeRequired, code == http.StatusMethodNotAllowed:
		return ": check the path behind host and port"
	case code == http.StatusTooManyRequests:
		return ": wait before you try again"
	case code/100 == 5:
		return ": what is behind it does not answer: wait, or ask its operator"
	}
	return ""
}
