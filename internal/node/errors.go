package node

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"unicode"
)

// What can be wrong with a node. The error that wraps one of these says it in
// full: which node, what, and what to do.
var (
	ErrDown    = errors.New("node is down")             // nothing answers there
	ErrAuth    = errors.New("node refuses credentials") // wrong or missing ones, or a foreign address
	ErrBusy    = errors.New("node is busy")             // too many calls at once
	ErrWarmup  = errors.New("node is starting")         // not ready yet
	ErrSyncing = errors.New("node is syncing")          // has not all blocks yet
	ErrNoPeers = errors.New("node has no peers")        // nobody to send a block to
	ErrRules   = errors.New("node disagrees on rules")  // a method or a rule that one side does not know
	ErrSignet  = errors.New("signet needs a signature") // blocks must be signed
	ErrNotRPC  = errors.New("not a node's answer")      // no JSON-RPC, or not its form
)

// RPCError is a node's own error, as it came but for control characters.
type RPCError struct {
	Method  string
	Code    int
	Message string
}

func (e *RPCError) Error() string {
	return fmt.Sprintf("%s: %s (code %d)", e.Method, e.Message, e.Code)
}

// nodeError is an error of one of the kinds above.
type nodeError struct {
	kind  error
	cause error // may be nil
	text  string
}

func (e *nodeError) Error() string { return e.text }

func (e *nodeError) Unwrap() []error {
	if e.cause == nil {
		return []error{e.kind}
	}
	return []error{e.kind, e.cause}
}

func (c *Client) errorf(kind, cause error, format string, args ...any) error {
	return &nodeError{kind, cause, "node " + c.name + ": " + fmt.Sprintf(format, args...)}
}

var errTimeout = errors.New("the call took too long")

// transportError says why no answer came.
func (c *Client) transportError(ctx context.Context, method string, err error) error {
	if ctx.Err() != nil {
		if context.Cause(ctx) == errTimeout {
			return c.errorf(ErrDown, context.DeadlineExceeded, "no answer to %s within %v: is it overloaded, or does something else listen there, such as a Stratum pool, %s?", method, c.cfg.Timeout, c.asPool())
		}
		return ctx.Err()
	}
	var urlErr *url.Error
	if errors.As(err, &urlErr) { // it repeats the URL
		err = urlErr.Err
	}
	var dns *net.DNSError
	var cert *tls.CertificateVerificationError
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return c.errorf(ErrDown, err, "nothing listens there (connection refused): start the node with its RPC server on, or correct host and port")
	case errors.As(err, &dns):
		return c.errorf(ErrDown, err, "its host has no address (%v): correct the name", dns.Err)
	case errors.As(err, &cert):
		return c.errorf(ErrDown, err, "its certificate is not trusted (%v): name the file of a self-signed one in SSL_CERT_FILE, or use http:// with TLS off on a trusted network", cert.Err)
	case errors.Is(err, http.ErrSchemeMismatch):
		return c.errorf(ErrDown, err, "it speaks no TLS: use http://")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return c.errorf(ErrDown, err, "it closed the connection before %s was answered: is it stopping, does it want https://, or is it a Stratum pool, %s?", method, c.asPool())
	case strings.Contains(err.Error(), "malformed HTTP"): // net/http has no type for it
		return c.errorf(ErrNotRPC, err, "what answers there speaks no HTTP: is it a Stratum pool, %s?", c.asPool())
	case errors.As(err, &timeout) && timeout.Timeout():
		return c.errorf(ErrDown, err, "no connection (%v): is the host up, and the port open in its firewall?", err)
	}
	return c.errorf(ErrDown, err, "%s: %s", method, clean(err.Error()))
}

// asPool returns the URL that the node would have if it were a pool.
func (c *Client) asPool() string {
	if host, ok := strings.CutPrefix(c.name, "https://"); ok {
		return "stratum+tls://" + host
	}
	return "stratum+tcp://" + strings.TrimPrefix(c.name, "http://")
}

// ports is what notRPC and webServer advise.
const ports = "check host and port; a node's port for RPC is mostly 8332 (Bitcoin Core) or 8334 (btcd)"

// isPage reports whether an answer is for a browser.
func isPage(resp *http.Response, answer []byte) bool {
	start := strings.ToLower(string(bytes.TrimSpace(answer[:min(len(answer), 4*maxWords)])))
	return strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") || strings.HasPrefix(start, "<!doctype html") || strings.HasPrefix(start, "<html")
}

// webServer says that what answers is one. The page itself helps nobody.
func (c *Client) webServer(method string, resp *http.Response) error {
	return c.errorf(ErrNotRPC, nil, "it is a web server, and no node: it answers %s with a page (HTTP %s): %s", method, clean(resp.Status), ports)
}

// notRPC says that an answer is none of a node's; cause may be nil.
func (c *Client) notRPC(method string, resp *http.Response, answer []byte, cause error) error {
	text := []rune(printable(string(answer[:min(len(answer), 4*maxWords)])))
	if len(text) > maxQuote {
		text = append(text[:maxQuote], '…')
	}
	return c.errorf(ErrNotRPC, cause, "the answer to %s is not JSON-RPC (HTTP %s, %q): %s", method, clean(resp.Status), string(text), ports)
}

// maxQuote is how many characters of an answer that makes no sense are shown.
const maxQuote = 60

func (c *Client) authError() error {
	switch {
	case c.cfg.CookieFile != "":
		return c.errorf(ErrAuth, nil, "it refuses the credentials in %s (401): is that the cookie file of this node?", c.cfg.CookieFile)
	case c.user == "" && c.pass == "":
		return c.errorf(ErrAuth, nil, "it wants user and password (401): write them in the URL, or name its cookie file")
	}
	return c.errorf(ErrAuth, nil, "it refuses user or password (401): compare with rpcuser, rpcpassword or rpcauth in its configuration")
}

// rpcError reads the error member of an answer. The codes are Bitcoin Core's;
// btcd uses the same.
func (c *Client) rpcError(method string, raw json.RawMessage) error {
	var e struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
	if json.Unmarshal(raw, &e) != nil || e.Message == "" {
		e.Message = string(raw)
	}
	rpc := &RPCError{Method: method, Code: e.Code, Message: clean(e.Message)}
	switch rpc.Code {
	case -28:
		return c.errorf(ErrWarmup, rpc, "it is starting up (%s): wait a little", rpc.Message)
	case -10:
		return c.errorf(ErrSyncing, rpc, "it is still syncing the chain (%s): wait until it has all blocks", rpc.Message)
	case -9:
		return c.errorf(ErrNoPeers, rpc, "it has no peers, so a block would reach nobody (%s): connect it to the network", rpc.Message)
	case -8:
		return c.errorf(ErrRules, rpc, "it wants to be asked otherwise than this version can (%v): update the older one of the two", rpc)
	case -32601:
		return c.errorf(ErrRules, rpc, "it does not know %s: mining needs a full node, such as Bitcoin Core or btcd", method)
	}
	return &nodeError{ErrNotRPC, rpc, "node " + c.name + ": " + rpc.Error()}
}

// maxWords is how many characters of a node's words are shown.
const maxWords = 200

// clean makes foreign words fit to be shown: one line, no control characters,
// not too long.
func clean(s string) string {
	if r := []rune(printable(s)); len(r) > maxWords {
		return string(r[:maxWords]) + "…"
	} else {
		return string(r)
	}
}

// printable leaves out what would do something to a terminal.
func printable(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, s))
}

// jsonError says what is wrong with a value in the words of the one who sent it,
// not in those of Go's types.
func jsonError(err error) error {
	var typ *json.UnmarshalTypeError
	if errors.As(err, &typ) {
		if typ.Field == "" {
			return fmt.Errorf("%.60s is not what belongs there", typ.Value)
		}
		return fmt.Errorf("%.60s is a %.60s, which does not belong there", typ.Field, typ.Value)
	}
	return err
}
