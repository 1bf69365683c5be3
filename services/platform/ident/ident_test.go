package ident_test

import (
	"slices"
	"testing"

	"github.com/upright-clinic/upright/services/platform/ident"
)

func TestNewIsOrderedUniqueAndValid(t *testing.T) {
	t.Parallel()
	ids := make([]string, 5000)
	for i := range ids {
		ids[i] = ident.New("pat")
	}
	if !slices.IsSorted(ids) {
		t.Error("ids made one after the other do not sort in that order")
	}
	if len(slices.Compact(slices.Clone(ids))) != len(ids) {
		t.Error("an id was made twice")
	}
	if !ident.Valid("pat", ids[0]) || ident.Valid("apt", ids[0]) {
		t.Errorf("Valid is wrong about %s", ids[0])
	}
}

func TestDeriveIsTheSameForEver(t *testing.T) {
	t.Parallel()
	a := ident.Derive("ent", "apt_1", 1)
	if a != ident.Derive("ent", "apt_1", 1) || a == ident.Derive("ent", "apt_1", 2) || a == ident.Derive("ent", "apt_11", 1) {
		t.Error("derived ids do not follow their base and number")
	}
	// Claims of running clinics are found by this value: it must never change.
	if want := "ent_7369ce8391665d75b48a82562d3d0f73"; a != want {
		t.Errorf("derived %s, want %s", a, want)
	}
}

func TestValidRefusesOtherText(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"", "pat", "pat_", "pat_zz", "pat_0193", "PAT_" + ident.New("x")[2:], ident.New("pat") + "0", "' OR 1=1 --"} {
		if ident.Valid("pat", id) {
			t.Errorf("%q is taken for an id", id)
		}
	}
}
