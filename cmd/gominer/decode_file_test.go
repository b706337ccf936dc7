package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gominer/hasher"
	"gominer/internal/jsonline"
	"gominer/stratum/v2"
)

// A file that is followed goes on with what is added, with what takes its place
// when it is put aside, and from its start when it is cut.
func TestFollow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	write := func(text string, flags int) {
		t.Helper()
		f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|flags, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	write("one\ntw", 0)
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	f := &follower{ctx: ctx, path: path, file: file}
	defer f.close()
	in := bufio.NewScanner(f)
	next := func(want string) {
		t.Helper()
		if !in.Scan() || in.Text() != want {
			t.Fatalf("%q, %v; want %q", in.Text(), in.Err(), want)
		}
	}
	next("one")
	write("o\n", os.O_APPEND)
	next("two")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	write("three\n", 0)
	next("three")
	write("4\n", os.O_TRUNC)
	next("4")
	cancel()
	if in.Scan() || in.Err() != nil {
		t.Errorf("%q, %v after the end", in.Text(), in.Err())
	}
}

// A recorded frame of Stratum V2 is explained field by field.
func TestDecodeFrame(t *testing.T) {
	frame, err := v2.Append(nil, &v2.NewExtendedMiningJob{
		ChannelID: 7, JobID: 9, MinNTime: 0x65000000, Version: 0x20000000,
		MerklePath: []hasher.Hash{{1}, {2}}, CoinbaseTxPrefix: []byte{1, 2, 3},
	})
	if err != nil {
		t.Fatal(err)
	}
	setup, err := v2.Append(nil, &v2.SetupConnection{MinVersion: 2, MaxVersion: 2, EndpointHost: "p\x1b[2J", Vendor: "v"})
	if err != nil {
		t.Fatal(err)
	}
	input := func(b []byte, from string) string {
		return `{"time":"2026-01-02T03:04:05.5Z","event":"frame","conn":2,"from":"` + from + `","type":31,"hex":"` + hex.EncodeToString(b) + `"}`
	}
	e := explained(t, "", input(frame, "pool"))
	if e.Kind != "NewExtendedMiningJob" || e.From != "pool" || e.Conn != 2 || e.Time != "2026-01-02T03:04:05.5Z" ||
		e.field("channel id") != "7" || e.field("merkle path") == "" || e.field("coinbase tx prefix") != "010203, 3 bytes" {
		t.Errorf("%+v", e)
	}
	if text := e.text(); !strings.Contains(text, "connection 2  pool → miner\n") || !strings.Contains(text, "2 elements") {
		t.Errorf("%s", text)
	}
	if got := explained(t, "", input(setup, "miner")).field("endpoint host"); got != `"p"` {
		t.Errorf("host %s", got)
	}
	for _, bad := range [][]byte{frame[:10], {0}, nil} {
		if _, err := (&decoder{}).decode("", input(bad, "pool")); err == nil {
			t.Errorf("%x is explained", bad)
		}
	}
	whole := input(frame[:10], "pool")
	if e := explained(t, "", whole[:len(whole)-1]+`,"cut":true}`); !strings.Contains(e.About, "without its end") {
		t.Errorf("%+v", e)
	}
}

// Requests of two connections, and of the two sides, that have the same id.
func TestDecodeKeepsConnectionsApart(t *testing.T) {
	d := &decoder{}
	line := func(conn, from, text string) string {
		return `{"time":"2026-01-02T03:04:05Z","event":"line","conn":` + conn + `,"from":"` + from + `","line":` + text + `}`
	}
	for _, step := range []struct{ input, want string }{
		{line("1", "miner", `"{\"id\":1,\"method\":\"mining.subscribe\"}"`), "opens the session"},
		{line("2", "miner", `"{\"id\":1,\"method\":\"mining.authorize\",\"params\":[\"a\"]}"`), "names a worker"},
		{line("1", "pool", `"{\"id\":1,\"method\":\"mining.ping\"}"`), "Asks whether"},
		{line("1", "miner", `"{\"id\":1,\"result\":\"pong\"}"`), "request 1, mining.ping"},
		{line("2", "pool", `"{\"id\":1,\"result\":true}"`), "request 1, mining.authorize"},
		{line("1", "pool", `"{\"id\":1,\"result\":[[],\"aa\",4]}"`), "request 1, mining.subscribe"},
		{line("1", "miner", `"***"`), "was not recorded"},
	} {
		e, err := d.decode("", step.input)
		if err != nil || !strings.Contains(e.About, step.want) {
			t.Errorf("%s: %+v, %v; want %s", step.input, e, err, step.want)
		}
	}
}

// FuzzDecodeFile: whatever stands in a file, it is explained or refused.
func FuzzDecodeFile(f *testing.F) {
	dialogues, err := filepath.Glob("../../stratum/v1/testdata/dialogues/*.txt")
	if err != nil || len(dialogues) == 0 {
		f.Fatal("no dialogues", err)
	}
	for _, path := range dialogues {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"time":"2026-01-02T03:04:05Z","event":"start","format":"gominer recording","version":1,"by":"x","part":1}
{"time":"2026-01-02T03:04:05Z","event":"open","conn":1,"source":"a"}
{"time":"2026-01-02T03:04:05Z","event":"frame","conn":1,"from":"pool","type":31,"hex":"00001f000000"}
{"time":"2026-01-02T03:04:05Z","event":"line","conn":1,"from":"miner","line":"{\"id\":1,\"method\":\"mining.submit\",\"params\":[\"a\",\"1\",\"00\",\"00000000\",\"00000000\"]}"}
{"time":"2026-01-02T03:04:05Z","event":"close","conn":1,"from":"pool","reason":"x"}
{"time":"2026-01-02T03:04:05Z","event":"lost","lines":1}
1d00ffff
`))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, asJSON := range []bool{false, true} {
			p := newFake()
			_, _ = p.decodeLines(&decodeOptions{json: asJSON}, "", bytes.NewReader(b))
			for _, r := range p.out.String() {
				if r != '\n' && !jsonline.Harmless(r) {
					t.Fatalf("%q is in %q", r, p.out.String())
				}
			}
		}
	})
}
