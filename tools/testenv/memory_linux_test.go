package main

import (
	"os"
	"testing"
)

func TestMemoryLeftIsWhatTheTighterLimitLeaves(t *testing.T) {
	const meminfo = "MemTotal:       16000000 kB\nMemFree:         1000000 kB\nMemAvailable:    8000000 kB\n"
	for name, test := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"nobody says":         {nil, 0},
		"the machine":         {map[string]string{"/proc/meminfo": meminfo}, 8000000 << 10},
		"no limit":            {map[string]string{"/proc/meminfo": meminfo, "/sys/fs/cgroup/memory.max": "max\n"}, 8000000 << 10},
		"a container's limit": {map[string]string{"/proc/meminfo": meminfo, "/sys/fs/cgroup/memory.max": "5000\n", "/sys/fs/cgroup/memory.current": "2000\n"}, 3000},
		"an older container's": {map[string]string{
			"/proc/meminfo": meminfo, "/sys/fs/cgroup/memory/memory.limit_in_bytes": "5000\n", "/sys/fs/cgroup/memory/memory.usage_in_bytes": "4000\n",
		}, 1000},
	} {
		got := memoryLeft(func(path string) ([]byte, error) {
			if text, ok := test.files[path]; ok {
				return []byte(text), nil
			}
			return nil, os.ErrNotExist
		})
		if got != test.want {
			t.Errorf("%s: %d, want %d", name, got, test.want)
		}
	}
}
