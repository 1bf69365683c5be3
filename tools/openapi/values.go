package main

import "slices"

// anys is a list as JSON has it.
func anys[T any](values []T) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}

// sortStrings sorts a list that holds strings only.
func sortStrings(values []any) {
	slices.SortFunc(values, func(a, b any) int {
		x, _ := a.(string)
		y, _ := b.(string)
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
}
