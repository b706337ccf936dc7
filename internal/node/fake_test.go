package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	best    = "03e5762cc2542949ce5dcf8e2dc07669e0174da68be83cdfc2905774c8cb6e3b"
	regtest = `{"chain":"regtest","blocks":453,"headers":453,"bestblockhash":"` + best + `"}`
)

// fake is a node that answers each method with a function, as btcd does or, with
// core set, as Bitcoin Core does.
type fake struct {
	core    bool
	methods map[string]func(params []json.RawMessage) (result string, err error)
	mu      sync.Mutex
	calls   []string
}

type rpcFailure struct {
	code    int
	message string
}

func (e rpcFailure) Error() string { return fmt.Sprint(e.code, " ", e.message) }

func answers(result string) func([]json.RawMessage) (string, error) {
	return func([]json.RawMessage) (string, error) { return result, nil }
}

func fails(code int, message string) func([]json.RawMessage) (string, error) {
	return func([]json.RawMessage) (string, error) { return "", rpcFailure{code, message} }
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if user, pass, _ := r.BasicAuth(); user != "u" || pass != "p:s" {
		http.Error(w, "401 Unauthorized.", http.StatusUnauthorized)
		return
	}
	var req struct {
		JSONRPC string
		ID      json.RawMessage
		Method  string
		Params  []json.RawMessage
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || json.Unmarshal(body, &req) != nil {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	if !f.core {
		w.Header().Set("Connection", "close")
		if req.JSONRPC == "" || len(req.ID) == 0 {
			return // as btcd: status 200, no body
		}
	}
	f.mu.Lock()
	f.calls = append(f.calls, req.Method)
	method := f.methods[req.Method]
	f.mu.Unlock()
	if method == nil {
		method = fails(-32601, "Method not found")
	}
	result, err := method(req.Params)
	status, fault := http.StatusOK, "null"
	if failure := (rpcFailure{}); errors.As(err, &failure) {
		b, _ := json.Marshal(map[string]any{"code": failure.code, "message": failure.message})
		result, fault = "null", string(b)
		if f.core {
			status = http.StatusInternalServerError
		}
		if f.core && failure.code == -32601 {
			status = http.StatusNotFound
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, "{\"result\":%s,\"error\":%s,\"id\":%s}\n", result, fault, req.ID)
}

func (f *fake) count(method string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, m := range f.calls {
		if m == method {
			n++
		}
	}
	return n
}

func (f *fake) set(method string, answer func([]json.RawMessage) (string, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.methods[method] = answer
}

// serve puts a handler on a real socket and returns a client of it.
func serve(t *testing.T, h http.Handler) *Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return client(t, "http://u:p%3As@"+srv.Listener.Addr().String())
}

func client(t *testing.T, url string) *Client {
	t.Helper()
	c, err := New(Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// bubble serves a handler over pipes, for synctest.
func bubble(t *testing.T, h http.Handler) *Client {
	t.Helper()
	l := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	srv := &http.Server{Handler: h}
	var wg sync.WaitGroup
	wg.Go(func() { _ = srv.Serve(l) })
	t.Cleanup(func() {
		srv.Close()
		wg.Wait()
	})
	c, err := New(Config{URL: "http://u:p%3As@node:8332", Dial: l.dial})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case l.conns <- there:
		return here, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
