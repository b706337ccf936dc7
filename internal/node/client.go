// Package node is a client of a Bitcoin node's JSON-RPC, for those who mine on
// it: block templates with long polling, submission of blocks, and the state of
// the chain. It decodes a template strictly, and says of every failure what is
// wrong and what to do about it. It speaks no other protocol of a node, keeps no
// connection open between calls and holds no wallet.
//
// Specifications: BIP22, BIP23 and BIP145 (getblocktemplate), BIP9 (version
// bits). Bitcoin Core and btcd differ from them and from each other; where that
// matters it is said.
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
	"os"
	"strings"
	"sync/atomic"
	"time"
)

const (
	defaultTimeout = 30 * time.Second
	defaultRefresh = 30 * time.Second
	dialTimeout    = 5 * time.Second

	maxBody   = 32 << 20 // bytes of an answer; a full block's template has about 10 MiB
	maxCookie = 4 << 10  // bytes of a cookie file
)

// Config says how to reach a node. URL is required.
type Config struct {
	URL string // http(s)://user:pass@host:port

	// CookieFile is where the node writes credentials that change with every
	// start (Bitcoin Core's .cookie). It is read anew for each call, and counts
	// before those in URL. "" for none.
	CookieFile string

	Timeout time.Duration // of one call, long polls excepted; 0: 30 s
	Refresh time.Duration // between templates where nothing changes; 0: 30 s

	TLS  *tls.Config // nil: the system's roots
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Client calls one node. Its methods may be called from any goroutine.
type Client struct {
	cfg        Config
	name       string // the URL without credentials
	user, pass string
	http       http.Client
	lastID     atomic.Uint64
	signet     atomic.Int32 // 0: not asked yet, 1: another network, 2: signet
}

// New returns a client. It connects to nothing.
func New(cfg Config) (*Client, error) {
	u, err := url.Parse(cfg.URL)
	// The parser's own words may hold a part of the password.
	const want = "want http://user:password@host:port, with % / : @ and # in user or password written as %25 %2F %3A %40 %23"
	switch {
	case err != nil || u.Opaque != "":
		return nil, errors.New("node URL cannot be read: " + want)
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("node URL has the scheme %.20q: %s", u.Scheme, want)
	case u.Hostname() == "":
		return nil, errors.New("node URL has no host: " + want)
	case u.Port() == "":
		return nil, fmt.Errorf("node URL for %.100q has no port (Bitcoin Core's is 8332, btcd's 8334): %s", u.Hostname(), want)
	case u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("node URL has a query or a fragment: " + want)
	}
	c := &Client{cfg: cfg, user: u.User.Username()}
	c.pass, _ = u.User.Password()
	u.User = nil
	c.name = u.String()
	if c.cfg.Timeout <= 0 {
		c.cfg.Timeout = defaultTimeout
	}
	if c.cfg.Refresh <= 0 {
		c.cfg.Refresh = defaultRefresh
	}
	dial := cfg.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: dialTimeout}).DialContext
	}
	c.http = http.Client{
		Transport: &http.Transport{
			DialContext:     dial,
			TLSClientConfig: cfg.TLS,
			// A node closes idle connections when it likes, btcd each one at once;
			// a block must not be lost in that race.
			DisableKeepAlives: true,
		},
		// Credentials go to nobody else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// Name returns the node's URL without credentials.
func (c *Client) Name() string { return c.name }

// call calls a method and decodes its result. A timeout of 0 is none.
func (c *Client) call(ctx context.Context, timeout time.Duration, result any, method string, params ...any) error {
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, timeout, errTimeout)
		defer cancel()
	}
	if params == nil {
		params = []any{}
	}
	body, err := json.Marshal(struct {
		JSONRPC string `json:"jsonrpc"` // btcd answers nothing without
		ID      uint64 `json:"id"`
		Method  string `json:"method"`
		Params  []any  `json:"params"`
	}{"1.0", c.lastID.Add(1), method, params})
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.name, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	user, pass, err := c.credentials()
	if err != nil {
		return err
	}
	if user != "" || pass != "" {
		req.SetBasicAuth(user, pass)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return c.transportError(ctx, method, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return c.transportError(ctx, method, err)
	}
	if len(answer) > maxBody {
		return c.errorf(ErrNotRPC, nil, "the answer to %s is larger than %d MiB", method, maxBody>>20)
	}
	return c.decode(method, resp, answer, result)
}

// decode takes an answer apart: btcd sends errors with status 200, Bitcoin Core
// with 500 and 404.
func (c *Client) decode(method string, resp *http.Response, answer []byte, result any) error {
	switch {
	case resp.StatusCode == http.StatusUnauthorized:
		return c.authError()
	case isPage(resp, answer):
		return c.webServer(method, resp)
	case resp.StatusCode == http.StatusForbidden:
		return c.errorf(ErrAuth, nil, "it does not serve this address (403): allow it with rpcallowip in the node's configuration")
	case resp.StatusCode == http.StatusServiceUnavailable:
		return c.errorf(ErrBusy, nil, "it is too busy to answer %s (503, %s): it is tried again; rpcworkqueue and rpcthreads raise its limits", method, clean(string(answer)))
	}
	var rpc struct {
		Result json.RawMessage `json:"result"`
		Error  json.RawMessage `json:"error"`
	}
	if len(bytes.TrimSpace(answer)) == 0 {
		return c.errorf(ErrNotRPC, nil, "the answer to %s is empty (HTTP %s): is this a Bitcoin node's RPC port?", method, clean(resp.Status))
	}
	if err := json.Unmarshal(answer, &rpc); err != nil || rpc.Result == nil && rpc.Error == nil {
		return c.notRPC(method, resp, answer, err)
	}
	if len(rpc.Error) > 0 && string(rpc.Error) != "null" {
		return c.rpcError(method, rpc.Error)
	}
	if resp.StatusCode != http.StatusOK {
		return c.errorf(ErrNotRPC, nil, "the answer to %s has the status %s: is this a Bitcoin node's RPC port?", method, clean(resp.Status))
	}
	if rpc.Result == nil {
		rpc.Result = json.RawMessage("null")
	}
	if err := json.Unmarshal(rpc.Result, result); err != nil {
		return c.errorf(ErrNotRPC, err, "the answer to %s cannot be used: %v", method, jsonError(err))
	}
	return nil
}

func (c *Client) credentials() (user, pass string, err error) {
	if c.cfg.CookieFile == "" {
		return c.user, c.pass, nil
	}
	f, err := os.Open(c.cfg.CookieFile)
	if err != nil {
		return "", "", c.errorf(ErrAuth, err, "its cookie file cannot be read (%v): is the node running, and with this data directory?", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxCookie+1))
	if err != nil {
		return "", "", c.errorf(ErrAuth, err, "its cookie file cannot be read: %v", err)
	}
	user, pass, ok := strings.Cut(strings.TrimSpace(string(b)), ":")
	if !ok || len(b) > maxCookie {
		return "", "", c.errorf(ErrAuth, nil, "%s is not a cookie file: want one line, user:password", c.cfg.CookieFile)
	}
	return user, pass, nil
}
