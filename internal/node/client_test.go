package node

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gominer/internal/chain"
)

func TestNew(t *testing.T) {
	const secret = "s3cret"
	for _, url := range []string{
		"", "127.0.0.1:8332", "ftp://u:" + secret + "@h:1", "http://", "http://u:" + secret + "@", "http://u:" + secret + "@h",
		"http://u:" + secret + "/x@h:8332", "http://u:" + secret + "#@h:8332", "http://u:" + secret + "%zz@h:8332",
		"http://u:" + secret + "@h:port", "http://u:" + secret + "@h:8332/?x=1", "http://u:" + secret + "\x7f@h:8332",
		"stratum+tcp://u:" + secret + "@h:3333", "http:u:" + secret + "@h:8332",
	} {
		c, err := New(Config{URL: url})
		if err == nil {
			t.Errorf("New(%q) = %s, want an error", url, c.Name())
			continue
		}
		if strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), "http://user:password@host:port") {
			t.Errorf("New(%q): %v", url, err)
		}
	}
	c, err := New(Config{URL: "http://u:" + secret + "@127.0.0.1:8332/wallet/w"})
	if err != nil || c.Name() != "http://127.0.0.1:8332/wallet/w" {
		t.Errorf("Name() = %q, %v", c.Name(), err)
	}
	if text := fmt.Sprint(c.Name()); strings.Contains(text, secret) {
		t.Errorf("the name has the password: %s", text)
	}
}

func TestInfo(t *testing.T) {
	for _, core := range []bool{false, true} {
		f := &fake{core: core, methods: map[string]func([]json.RawMessage) (string, error){"getblockchaininfo": answers(regtest)}}
		info, err := serve(t, f).Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if info.Network != chain.Regtest || info.Blocks != 453 || info.Headers != 453 || info.Best.String() != best {
			t.Errorf("Info() = %+v", info)
		}
	}
}

// status answers everything with one status and body.
func status(code int, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	})
}

func TestErrors(t *testing.T) {
	rpc := func(core bool, code int, message string) http.Handler {
		return &fake{core: core, methods: map[string]func([]json.RawMessage) (string, error){"getblockchaininfo": fails(code, message)}}
	}
	tests := []struct {
		name    string
		handler http.Handler
		kind    error
		want    []string
	}{
		{"wrong credentials", status(401, "401 Unauthorized.\n"), ErrAuth, []string{"user or password", "401", "rpcpassword"}},
		{"foreign address", status(403, ""), ErrAuth, []string{"403", "rpcallowip"}},
		{"busy", status(503, "Work queue depth exceeded"), ErrBusy, []string{"Work queue depth exceeded", "rpcworkqueue"}},
		{"empty", status(200, "\n"), ErrNotRPC, []string{"empty"}},
		{"a page", status(200, "<html>\x1b[31m<body>router</body>"), ErrNotRPC, []string{"it is a web server, and no node", "with a page (HTTP 200 OK)", "8332"}},
		{"a page that is not found", status(404, "\n<!DOCTYPE HTML>"+strings.Repeat("<p>", 1000)), ErrNotRPC, []string{"it is a web server, and no node", "404"}},
		{"a page of a proxy", status(503, "<html>no"), ErrNotRPC, []string{"it is a web server", "503"}},
		{"a long answer", status(200, strings.Repeat("blah ", 1000)), ErrNotRPC, []string{`"blah blah blah blah blah blah blah blah blah blah blah blah …"): check host and port`}},
		{"not found", status(404, "404 page not found"), ErrNotRPC, []string{"404"}},
		{"other JSON", status(200, `{"hello":"world"}`), ErrNotRPC, []string{"not JSON-RPC"}},
		{"redirect", http.RedirectHandler("http://example.invalid/", http.StatusFound), ErrNotRPC, []string{"302"}},
		{"TLS port", status(400, "Client sent an HTTP request to an HTTPS server.\n"), ErrNotRPC, []string{"HTTPS server"}},
		{"deep", status(200, strings.Repeat("[", 100_000)), ErrNotRPC, []string{"not JSON-RPC"}},
		{"result of another form", status(200, `{"result":[1],"error":null}`), ErrNotRPC, []string{"cannot be used"}},
		{"text for a number", status(200, `{"result":{"chain":"main","blocks":"1"},"error":null}`), ErrNotRPC, []string{"blocks is a string"}},
		{"unknown network", status(200, `{"result":{"chain":"litecoin","bestblockhash":"`+best+`"},"error":null}`), ErrNotRPC, []string{"litecoin"}},
		{"bad hash", status(200, `{"result":{"chain":"main","bestblockhash":"00"},"error":null}`), ErrNotRPC, []string{"bestblockhash"}},
		{"warm-up", rpc(true, -28, "Loading block index…"), ErrWarmup, []string{"Loading block index", "wait"}},
		{"syncing, btcd", rpc(false, -10, "Bitcoin is downloading blocks..."), ErrSyncing, []string{"downloading blocks", "wait"}},
		{"no peers, Core", rpc(true, -9, "Bitcoin Core is not connected!"), ErrNoPeers, []string{"not connected", "connect"}},
		{"rules", rpc(true, -8, "getblocktemplate must be called with the segwit rule set"), ErrRules, []string{"segwit rule set"}},
		{"unknown method, Core", rpc(true, -32601, "Method not found"), ErrRules, []string{"full node"}},
		{"unknown method, btcd", rpc(false, -32601, "Method not found"), ErrRules, []string{"full node"}},
		{"other code", rpc(true, -32603, "internal \x1b[2Jerror"), ErrNotRPC, []string{"internal [2Jerror", "-32603"}},
		{"error without a form", status(200, `{"result":null,"error":"because"}`), ErrNotRPC, []string{"because"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := serve(t, tt.handler)
			_, err := c.Info(t.Context())
			if !errors.Is(err, tt.kind) {
				t.Fatalf("error %v is not of the kind %q", err, tt.kind)
			}
			text := err.Error()
			for _, want := range append(tt.want, c.Name()) {
				if !strings.Contains(text, want) {
					t.Errorf("error %q has not %q", text, want)
				}
			}
			if strings.ContainsAny(text, "\x1b\n") || strings.Contains(text, "p:s") || len(text) > 600 {
				t.Errorf("error %q", text)
			}
		})
	}
}

func TestNoCredentials(t *testing.T) {
	srv := httptest.NewServer(status(401, ""))
	defer srv.Close()
	_, err := client(t, srv.URL).Info(t.Context())
	if !errors.Is(err, ErrAuth) || !strings.Contains(err.Error(), "wants user and password") {
		t.Errorf("Info: %v", err)
	}
}

func TestDown(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	if _, err := client(t, "http://u:secret@"+addr).Info(t.Context()); !errors.Is(err, ErrDown) ||
		!strings.Contains(err.Error(), "connection refused") || strings.Contains(err.Error(), "secret") {
		t.Errorf("refused: %v", err)
	}

	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			conn.Close()
		}
	}))
	defer srv.Close()
	if _, err := client(t, srv.URL).Info(t.Context()); !errors.Is(err, ErrDown) || !strings.Contains(err.Error(), "closed the connection") {
		t.Errorf("closed: %v", err)
	}
	if _, err := client(t, srv.URL).Info(t.Context()); !strings.Contains(err.Error(), "is it a Stratum pool, stratum+tcp://"+srv.Listener.Addr().String()+"?") {
		t.Errorf("closed: %v", err)
	}
	pool := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_, _ = io.WriteString(conn, `{"id":null,"result":null,"error":[20,"not JSON",null]}`+"\n")
			conn.Close()
		}
	}))
	defer pool.Close()
	if _, err := client(t, pool.URL).Info(t.Context()); !errors.Is(err, ErrNotRPC) || !strings.Contains(err.Error(), "speaks no HTTP: is it a Stratum pool, stratum+tcp://127.0.0.1:") {
		t.Errorf("a pool: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client(t, srv.URL).Info(ctx); err != context.Canceled {
		t.Errorf("cancelled: %v", err)
	}
}

func TestTLS(t *testing.T) {
	f := &fake{core: true, methods: map[string]func([]json.RawMessage) (string, error){"getblockchaininfo": answers(regtest)}}
	srv := httptest.NewUnstartedServer(f)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	url := "https://u:p%3As@" + srv.Listener.Addr().String()
	if _, err := client(t, url).Info(t.Context()); !errors.Is(err, ErrDown) || !strings.Contains(err.Error(), "SSL_CERT_FILE") {
		t.Errorf("untrusted: %v", err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	c, err := New(Config{URL: url, TLS: &tls.Config{RootCAs: roots}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Info(t.Context()); err != nil {
		t.Errorf("trusted: %v", err)
	}

	plain := httptest.NewServer(f)
	defer plain.Close()
	if _, err := client(t, strings.Replace(plain.URL, "http:", "https:", 1)).Info(t.Context()); !errors.Is(err, ErrDown) || !strings.Contains(err.Error(), "use http://") {
		t.Errorf("https to a plain port: %v", err)
	}
}

// endless writes spaces for ever.
func endless(w http.ResponseWriter, r *http.Request) {
	chunk := []byte(`{"result":"` + strings.Repeat(" ", 1<<16))
	for r.Context().Err() == nil {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

func TestHugeAnswer(t *testing.T) {
	_, err := serve(t, http.HandlerFunc(endless)).Info(t.Context())
	if !errors.Is(err, ErrNotRPC) || !strings.Contains(err.Error(), "32 MiB") {
		t.Errorf("Info: %v", err)
	}
}

func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := bubble(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		}))
		started := time.Now()
		_, err := c.Info(t.Context())
		if !errors.Is(err, ErrDown) || !strings.Contains(err.Error(), "within 30s") {
			t.Errorf("Info: %v", err)
		}
		if took := time.Since(started); took != defaultTimeout {
			t.Errorf("it took %v, want %v", took, defaultTimeout)
		}
	})
}

func TestCookieFile(t *testing.T) {
	f := &fake{core: true, methods: map[string]func([]json.RawMessage) (string, error){"getblockchaininfo": answers(regtest)}}
	srv := httptest.NewServer(f)
	defer srv.Close()
	cookie := filepath.Join(t.TempDir(), ".cookie")
	c, err := New(Config{URL: srv.URL, CookieFile: cookie})
	if err != nil {
		t.Fatal(err)
	}
	steps := []struct {
		content string // "-": no file
		want    string // "": no error
	}{
		{"-", "is the node running"},
		{"u:old\n", "cookie file of this node"},
		{"u:p:s\n", ""}, // the node was started again
		{"nothing", "not a cookie file"},
		{"u:" + strings.Repeat("x", maxCookie), "not a cookie file"},
	}
	for _, step := range steps {
		if step.content != "-" {
			if err := os.WriteFile(cookie, []byte(step.content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, err := c.Info(t.Context())
		if step.want == "" {
			if err != nil {
				t.Errorf("cookie %.20q: %v", step.content, err)
			}
			continue
		}
		if !errors.Is(err, ErrAuth) || !strings.Contains(err.Error(), step.want) || strings.Contains(err.Error(), "old") {
			t.Errorf("cookie %.20q: %v, want %q", step.content, err, step.want)
		}
	}
}
