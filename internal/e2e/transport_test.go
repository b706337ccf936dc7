package e2e

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// simulated starts the built-in pool on a chain of its own with one listener, and returns where it is.
func simulated(t *testing.T, args ...string) listening {
	t.Helper()
	first, _ := startGominer(t, append([]string{"pool", "--json", "--difficulty", "0.00001"}, args...)...)
	var l listening
	if err := json.Unmarshal([]byte(first), &l); err != nil || l.URL == "" || l.Address == "" {
		t.Fatalf("the pool's first line is %q: %v", first, err)
	}
	return l
}

// listening is the first line of a pool.
type listening struct {
	URL     string `json:"url"`
	Address string `json:"address"`
}

// mines mines accepted shares alone, and returns what the miner said.
func mines(t *testing.T, args ...string) result {
	t.Helper()
	args = append([]string{"mine", "--no-tui", "-u", "alice.rig1", "-t", "1", "--throttle", "1MH/s", "--until", "shares=3"}, args...)
	r := gominer(t, args...)
	if accepted := regexp.MustCompile(`(?m)^shares: ([1-9][0-9]*) accepted, 0 rejected`).FindString(r.stdout); r.code != 0 || accepted == "" {
		t.Fatalf("gominer %s: exit code %d\n%s%s", strings.Join(args, " "), r.code, r.stdout, r.stderr)
	}
	return r
}

// fails waits for a miner that gets nowhere to say why.
func fails(t *testing.T, why string, args ...string) {
	t.Helper()
	args = append([]string{"mine", "--no-tui", "-u", "alice.rig1", "-t", "1", "--throttle", "1MH/s"}, args...)
	cmd := exec.Command(gominerPath, args...)
	cmd.Env = cleanEnv(t)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(runTimeout, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	re := regexp.MustCompile(why)
	said, found := "", false
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		said += lines.Text() + "\n"
		if !found && re.MatchString(lines.Text()) {
			found = true
			_ = cmd.Process.Signal(os.Interrupt)
		}
	}
	_ = cmd.Wait()
	if !found {
		t.Errorf("gominer %s: want %q in what it says:\n%s", strings.Join(args, " "), why, said)
	}
	if strings.Contains(said, "hunter2") {
		t.Errorf("a password is printed:\n%s", said)
	}
}

// TestMutualTLS mines over TLS 1.3 with a client certificate: on the built-in
// pool, and on a peer that is Go's own TLS and shares no code with gominer's.
func TestMutualTLS(t *testing.T) {
	ca := newAuthority(t)
	pool, miner := ca.issue(t, "pool"), ca.issue(t, "miner")
	stranger := newAuthority(t).issue(t, "stranger")
	own := []string{"--tls-min", "1.3", "--tls-ca", ca.file, "--tls-cert", miner.cert, "--tls-key", miner.key}

	t.Run("pool", func(t *testing.T) {
		l := simulated(t, "--listen", "", "--listen-tls", "127.0.0.1:0", "--tls-cert", pool.cert, "--tls-key", pool.key, "--tls-client-ca", ca.file, "--tls-min", "1.3")
		r := mines(t, append(own, "-o", l.URL)...)
		if !strings.Contains(r.stderr, `encryption="TLS 1.3, `) || !strings.Contains(r.stderr, `, verified"`) {
			t.Errorf("no word of TLS:\n%s", r.stderr)
		}
		fails(t, "the server wants a client certificate", "-o", l.URL, "--tls-ca", ca.file)
		fails(t, "does not know the authority that signed the client certificate",
			"-o", l.URL, "--tls-ca", ca.file, "--tls-cert", stranger.cert, "--tls-key", stranger.key)
	})

	t.Run("crypto/tls", func(t *testing.T) {
		behind := simulated(t, "--listen", "127.0.0.1:0")
		pair, err := tls.LoadX509KeyPair(pool.cert, pool.key)
		if err != nil {
			t.Fatal(err)
		}
		states := make(chan tls.ConnectionState, 1)
		addr := relay(t, &tls.Config{
			Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13,
			ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.pool,
		}, behind.Address, states)
		mines(t, append(own, "-o", "stratum+tls://"+addr)...)
		s := <-states
		if s.Version != tls.VersionTLS13 || len(s.PeerCertificates) == 0 || s.PeerCertificates[0].Subject.CommonName != "miner" {
			t.Errorf("version %#x, certificates of %v", s.Version, s.PeerCertificates)
		}
	})
}

// relay decrypts what comes and passes it on to another address. It tells how the
// first connection is encrypted.
func relay(t *testing.T, conf *tls.Config, to string, states chan<- tls.ConnectionState) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", conf)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer nc.Close()
				tc := nc.(*tls.Conn)
				if err := tc.HandshakeContext(t.Context()); err != nil {
					t.Errorf("handshake: %v", err)
					return
				}
				select {
				case states <- tc.ConnectionState():
				default:
				}
				behind, err := net.Dial("tcp", to)
				if err != nil {
					t.Errorf("behind: %v", err)
					return
				}
				wg.Go(func() { _, _ = io.Copy(nc, behind); _ = nc.Close() })
				_, _ = io.Copy(behind, nc)
				_ = behind.Close()
			})
		}
	})
	return l.Addr().String()
}

// TestSOCKS5 mines through Dante: over every protocol; it knows a host that the
// miner need not.
func TestSOCKS5(t *testing.T) {
	plain := simulated(t, "--listen", "127.0.0.1:0")
	encrypted := simulated(t, "--listen", "", "--listen-wss", "127.0.0.1:0")
	second := simulated(t, "--listen", "", "--listen-v2", "127.0.0.1:0", "--v2-batch", "1")
	_, refused, err := net.SplitHostPort(freePort(t))
	if err != nil {
		t.Fatal(err)
	}
	config := `logoutput: stderr
internal: 127.0.0.1 port = %s
external: 127.0.0.1
clientmethod: none
socksmethod: %s
client pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }
socks block { from: 127.0.0.0/8 to: 0.0.0.0/0 port = ` + refused + ` }
socks pass { from: 127.0.0.0/8 to: 0.0.0.0/0 log: connect }
`
	dante := startDaemon(t, daemon{
		program: "danted", args: []string{"-f", "config", "-p", "pid"},
		config: func(port string) string { return fmt.Sprintf(config, port, "none") },
		ready:  "Dante/server.* running",
	})
	proxy := "socks5://" + dante.addr
	_, port, err := net.SplitHostPort(plain.Address)
	if err != nil {
		t.Fatal(err)
	}
	mines(t, "-o", "localhost:"+port, "--proxy", proxy)
	mines(t, "-o", encrypted.URL, "--tls-insecure", "--proxy", proxy)
	mines(t, "-o", second.URL, "--proxy", proxy)
	for _, addr := range []string{plain.Address, encrypted.Address, second.Address} {
		if dotted := strings.Replace(addr, ":", ".", 1); !strings.Contains(dante.log(), dotted) {
			t.Errorf("Dante connected nobody to %s:\n%s", addr, dante.log())
		}
	}
	fails(t, "proxy "+dante.addr+": its rules do not allow connections to this host and port", "-o", "localhost:"+refused, "--proxy", proxy)
	fails(t, "proxy "+dante.addr+": .*(closed|reset|does not speak HTTP)", "-o", "localhost:"+port, "--proxy", "http://"+dante.addr)

	strict := startDaemon(t, daemon{
		program: "danted", args: []string{"-f", "config", "-p", "pid"},
		config: func(port string) string { return fmt.Sprintf(config, port, "username") },
		ready:  "Dante/server.* running",
	})
	fails(t, "it wants a user and a password", "-o", "localhost:"+port, "--proxy", "socks5://"+strict.addr)
	fails(t, "it refuses the user or the password", "-o", "localhost:"+port, "--proxy", "socks5://nobody:hunter2@"+strict.addr)
	gone := freePort(t)
	fails(t, "proxy "+gone+": connection refused: nothing listens there: check the port, or wait for the proxy", "-o", "localhost:"+port, "--proxy", "socks5://"+gone)
}

// TestWebSocketBehindNginx mines through nginx, which speaks WebSocket to miners,
// over TLS too, and to the pool behind it.
func TestWebSocketBehindNginx(t *testing.T) {
	ca := newAuthority(t)
	id := ca.issue(t, "nginx")
	pool := simulated(t, "--listen", "", "--listen-ws", "127.0.0.1:0", "--ws-path", "/stratum", "--ping-every", "1s")
	const config = `daemon off; master_process off; pid nginx.pid; error_log stderr notice;
events {}
http {
	access_log access.log;
	client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
	server {
		listen 127.0.0.1:%s%s;
		location /mining/ {
			proxy_pass http://%s/stratum;
			proxy_http_version 1.1;
			proxy_set_header Upgrade $http_upgrade;
			proxy_set_header Connection upgrade;
		}
	}
}
`
	for scheme, ssl := range map[string]string{
		"ws":  "",
		"wss": fmt.Sprintf(" ssl; ssl_certificate %s; ssl_certificate_key %s; ssl_protocols TLSv1.3", id.cert, id.key),
	} {
		t.Run(scheme, func(t *testing.T) {
			nginx := startDaemon(t, daemon{
				program: "nginx", args: []string{"-p", ".", "-c", "config", "-e", "stderr"},
				config: func(port string) string { return fmt.Sprintf(config, port, ssl, pool.Address) },
				ready:  "using the .* event method",
			})
			url := "stratum+" + scheme + "://" + nginx.addr
			args := []string{"-o", url + "/mining/?token=hunter2"}
			if ssl != "" {
				args = append(args, "--tls-ca", ca.file)
			}
			if r := mines(t, args...); strings.Contains(r.stdout+r.stderr, "hunter2") {
				t.Errorf("the token is printed:\n%s", r.stderr)
			}
			// It is written when the connection has ended, which may be a moment later.
			nginx.stop()
			access, err := os.ReadFile(filepath.Join(nginx.dir, "access.log"))
			if err != nil || !bytes.Contains(access, []byte(`"GET /mining/?token=hunter2 HTTP/1.1" 101 `)) {
				t.Errorf("nginx wrote %q, %v", access, err)
			}
		})
	}
}
