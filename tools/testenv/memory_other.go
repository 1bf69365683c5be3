//go:build !linux

package main

// memoryFolder cannot be had here.
func memoryFolder() string { return "" }
