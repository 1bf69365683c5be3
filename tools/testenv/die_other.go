//go:build !linux

package main

import "syscall"

// dieWithUs cannot be had here: a server outlives a testenv that is killed.
func dieWithUs(*syscall.SysProcAttr) {}
