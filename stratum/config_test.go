package stratum_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"gominer/stratum"
)

func TestURLs(t *testing.T) {
	for url, name := range map[string]string{
		"stratum+tcp://pool.example.org:3333":            "pool.example.org:3333",
		"Stratum+TCP://pool.example.org:3333/":           "pool.example.org:3333",
		"stratum+tcp://pool.example.org:3333/#xnsub":     "pool.example.org:3333",
		"stratum+tcp://pool.example.org:3333#xnsub":      "pool.example.org:3333",
		"pool.example.org:3333":                          "pool.example.org:3333",
		"192.0.2.7:1":                                    "192.0.2.7:1",
		"[2001:db8::7]:65535":                            "[2001:db8::7]:65535",
		"localhost:3333":                                 "localhost:3333",
		"stratum+tcp://bob.w1:p%40ss@pool.example.org:1": "pool.example.org:1",
		"bob:hunter2@pool.example.org:1":                 "pool.example.org:1",
	} {
		s, err := stratum.New(stratum.Config{URL: url, User: "me"})
		if err != nil {
			t.Errorf("%s: %v", url, err)
		} else if s.Name() != name {
			t.Errorf("%s: name %q, want %q", url, s.Name(), name)
		}
	}
}

func TestBadURLs(t *testing.T) {
	for url, words := range map[string]string{
		"":                                    "no pool URL",
		"stratum+xyz://pool.example.org:3333": `scheme "stratum+xyz" is not spoken: only stratum+tcp, stratum+tls`,
		"http://127.0.0.1:8332":               `scheme "http" is not spoken`,
		"stratum2+tcp://a:1/KEY":              "is not spoken",
		"bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq": "user names are given apart",
		"me.worker":                                "user names are given apart",
		"stratum+tcp://pool.example.org":           "has no port",
		"stratum+tcp://pool.example.org:":          "is not a number from 1 to 65535",
		"stratum+tcp://pool.example.org:0":         "is not a number from 1 to 65535",
		"stratum+tcp://pool.example.org:65536":     "is not a number from 1 to 65535",
		"stratum+tcp://pool.example.org:http":      "is not a number from 1 to 65535",
		"stratum+tcp://pool.example.org:-1":        "is not a number from 1 to 65535",
		"stratum+tcp://:3333":                      "neither a host name",
		"stratum+tcp://po ol:3333":                 "neither a host name",
		"stratum+tcp://..:3333":                    "neither a host name",
		"stratum+tcp://2001:db8::7:3333":           "in brackets",
		"stratum+tcp://pool.example.org:3333/path": "has a path",
		"stratum+tcp://pool.example.org:3333?x=1":  "has a path",
		"stratum+tcp://u:hunter2%@pool:1":          "write %25",
		"stratum+tcp://u:hunter2/3@pool":           "has no port",
		"stratum+tcp://pool\x1b[31m.example.org:1": "is not host:port",
		strings.Repeat("x", 100_000):               "user names are given apart",
	} {
		_, err := stratum.New(stratum.Config{URL: url, User: "me"})
		switch {
		case err == nil:
			t.Errorf("%.80q: no error", url)
		case !strings.Contains(err.Error(), words):
			t.Errorf("%.80q: error %q lacks %q", url, err, words)
		case strings.Contains(err.Error(), "hunter2"), strings.Contains(err.Error(), "\x1b"), len(err.Error()) > 400:
			t.Errorf("%.80q: error %q", url, err)
		}
	}
}

func TestBadConfigs(t *testing.T) {
	for name, test := range map[string]struct {
		set   func(*stratum.Config)
		words string
	}{
		"no user":         {func(c *stratum.Config) { c.User = "" }, "no user"},
		"negative bits":   {func(c *stratum.Config) { c.MinBits = -1 }, "version mask"},
		"too many bits":   {func(c *stratum.Config) { c.VersionMask, c.MinBits = 0x00c00000, 3 }, "00c00000 cannot hold"},
		"policy":          {func(c *stratum.Config) { c.Reconnect = 7 }, "policy"},
		"negative time":   {func(c *stratum.Config) { c.Timeouts.Grace = -time.Second }, "time-out"},
		"difficulty":      {func(c *stratum.Config) { c.SuggestDifficulty = -1 }, "difficulty to suggest"},
		"no number":       {func(c *stratum.Config) { c.SuggestDifficulty = math.NaN() }, "difficulty to suggest"},
		"long user":       {func(c *stratum.Config) { c.User = strings.Repeat("u", 1025) }, "at most 1024"},
		"line end":        {func(c *stratum.Config) { c.User = "me\n" }, "control character"},
		"not UTF-8":       {func(c *stratum.Config) { c.Pass = "\xff" }, "UTF-8"},
		"agent of tabs":   {func(c *stratum.Config) { c.Agent = "\t" }, "control character"},
		"long agent":      {func(c *stratum.Config) { c.Agent = strings.Repeat("a", 1025) }, "at most 1024"},
		"a secret in URL": {func(c *stratum.Config) { c.URL = "me:hunter2\x00@pool:1" }, "control character"},
	} {
		cfg := stratum.Config{URL: "pool.example.org:3333", User: "me"}
		if name == "a secret in URL" {
			cfg.User = ""
		}
		test.set(&cfg)
		_, err := stratum.New(cfg)
		if err == nil || !strings.Contains(err.Error(), test.words) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: error %v, want one with %q", name, err, test.words)
		}
	}
}
