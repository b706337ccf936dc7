package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

const rpcUser, rpcPass = "u", "p"

// someAddress is an address of simnet whose key nobody here knows.
const someAddress = "SWqEjLr7EmUXPoWfDxcUGRWfcuztmsrDPc"

// btcd is a running node. Its simnet starts at the genesis block, asks for next
// to no work, needs no peers, and pays blocks of its own to mining.
type btcd struct {
	addr string // host:port of its RPC
	http *http.Client
	dead chan struct{} // closed when the process has ended
	log  *bytes.Buffer // to be read once dead is closed
}

// startTries is how often a node is started anew because one of the ports that
// were free a moment ago no longer is.
const startTries = 5

// startBtcd runs a node until the test ends. Blocks that it makes by itself pay
// to mining.
func startBtcd(t *testing.T, mining string) *btcd {
	t.Helper()
	var err error
	for range startTries {
		var n *btcd
		if n, err = tryBtcd(t, mining); err == nil {
			return n
		}
	}
	t.Fatalf("btcd does not start: %v", err)
	return nil
}

func tryBtcd(t *testing.T, mining string) (*btcd, error) {
	dir := t.TempDir()
	config := filepath.Join(dir, "empty.conf")
	if err := os.WriteFile(config, nil, 0o600); err != nil {
		return nil, err
	}
	rpc, p2p := freePort(t), freePort(t)
	n := &btcd{addr: rpc, dead: make(chan struct{}), log: new(bytes.Buffer),
		http: &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}}
	cmd := exec.Command(btcdPath, "--simnet", "--configfile="+config, "--datadir="+dir, "--logdir="+dir,
		"--rpclisten="+rpc, "--notls", "--rpcuser="+rpcUser, "--rpcpass="+rpcPass,
		"--listen="+p2p, "--nodnsseed", "--miningaddr="+mining, "--dbtype=ffldb")
	cmd.Env, cmd.Stdout, cmd.Stderr = cleanEnv(t), n.log, n.log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() { _ = cmd.Wait(); close(n.dead) }()
	stop := func() {
		_ = cmd.Process.Signal(os.Interrupt)
		kill := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		<-n.dead
		kill.Stop()
	}
	if err := n.waitUp(t.Context()); err != nil {
		stop()
		return nil, fmt.Errorf("%w\n%s", err, n.log)
	}
	t.Cleanup(stop)
	return n, nil
}

// waitUp asks until the node answers.
func (n *btcd) waitUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		err := n.call(ctx, nil, "getblockcount")
		if err == nil {
			return nil
		}
		select {
		case <-n.dead:
			return errors.New("it ended")
		case <-ctx.Done():
			return err
		case <-again.C:
		}
	}
}

// freePort returns an address of loopback that nobody listens on at the moment.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// url is the node's as gominer takes it.
func (n *btcd) url() string { return fmt.Sprintf("http://%s:%s@%s", rpcUser, rpcPass, n.addr) }

// call asks the node and decodes its answer into result, which may be nil.
func (n *btcd) call(ctx context.Context, result any, method string, params ...any) error {
	if params == nil {
		params = []any{}
	}
	body, err := json.Marshal(map[string]any{"jsonrpc": "1.0", "id": 1, "method": method, "params": params})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+n.addr, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.SetBasicAuth(rpcUser, rpcPass)
	res, err := n.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	answer := struct {
		Result any
		Error  *struct {
			Code    int
			Message string
		}
	}{Result: result}
	if err := json.Unmarshal(text, &answer); err != nil {
		return fmt.Errorf("%s: %s: %q", method, res.Status, text)
	}
	if e := answer.Error; e != nil {
		return fmt.Errorf("%s: %s (%d)", method, e.Message, e.Code)
	}
	return nil
}

// ask is call in a test: the answer, or the end of it.
func ask[T any](t *testing.T, n *btcd, method string, params ...any) T {
	t.Helper()
	var result T
	if err := n.call(t.Context(), &result, method, params...); err != nil {
		t.Fatalf("btcd: %v", err)
	}
	return result
}

func (n *btcd) height(t *testing.T) int {
	t.Helper()
	return ask[int](t, n, "getblockcount")
}
