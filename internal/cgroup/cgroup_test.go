package cgroup

import (
	"testing"
	"testing/fstest"
)

func TestQuota(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		want  float64
	}{
		{"none", nil, 0},
		{"no limit", map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, 0},
		{"a container", map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "150000 100000\n"}, 1.5},
		{"half a processor", map[string]string{"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/cpu.max": "50000 100000\n"}, 0.5},
		{"above is stricter", map[string]string{
			"proc/self/cgroup": "0::/system.slice/gominer.service\n",
			"sys/fs/cgroup/system.slice/gominer.service/cpu.max": "400000 100000\n",
			"sys/fs/cgroup/system.slice/cpu.max":                 "200000 100000\n",
		}, 2},
		{"version 1", map[string]string{
			"proc/self/cgroup": "4:memory:/m\n3:cpu,cpuacct:/docker/1\n",
			"sys/fs/cgroup/cpu/docker/1/cpu.cfs_quota_us":  "300000\n",
			"sys/fs/cgroup/cpu/docker/1/cpu.cfs_period_us": "100000\n",
			"sys/fs/cgroup/cpu/cpu.cfs_quota_us":           "-1\n",
			"sys/fs/cgroup/cpu/cpu.cfs_period_us":          "100000\n",
		}, 3},
		{"a way out", map[string]string{"proc/self/cgroup": "0::/../../a\n", "sys/fs/cgroup/a/cpu.max": "100000 100000"}, 1},
		{"nonsense", map[string]string{"proc/self/cgroup": "0\n:::\n0::/a\n", "sys/fs/cgroup/a/cpu.max": "NaN Inf\n"}, 0},
	} {
		root := make(fstest.MapFS)
		for name, content := range c.files {
			root[name] = &fstest.MapFile{Data: []byte(content)}
		}
		if got := Quota(root); got != c.want {
			t.Errorf("%s: %v processors, want %v", c.name, got, c.want)
		}
	}
}
