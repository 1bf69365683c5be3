//go:build !linux

package main

// dropProgramText has no counterpart here: the system takes back what it needs by itself.
func dropProgramText() {}
