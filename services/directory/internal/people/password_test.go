package people

import (
	"errors"
	"strings"
	"testing"

	"github.com/upright-clinic/upright/services/platform/fault"
)

func TestCheckPassword(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"correct horse battery", "Tr0ub4dor&3xyz", "siebenundzwanzig Enten", "x9$Kq2!mZp7w", "der alte Baum 1890", "пароль-дерево-17",
		"anna likes nine green apples",
	} {
		if err := CheckPassword("password", good, MinStaffPassword, "Anna Muster", "anna.muster", "Back Clinic"); err != nil {
			t.Errorf("CheckPassword(%q) = %v", good, err)
		}
	}
	for _, weak := range []string{
		"short", "elevenchars", "password1234", "Password!!!!", "P4ssw0rd1234", "passwordpassword", "123456789012", "987654321098",
		"qwertyuiop12", "Qwertzuiop!1", "aaaaaaaaaaaa", "abababababab", "abcdefghijkl", "zyxwvutsrqpo", "1qaz2wsx3edc",
		"Welcome2026!", "ILoveYou2026!", "Sommer2026!!", "physiotherapy1", "annamuster123", "Anna.Muster!1", "BackClinic2026",
		strings.Repeat("correct horse ", 10), "letmeinletmein", "bad\xffbytes here",
	} {
		err := CheckPassword("password", weak, MinStaffPassword, "Anna Muster", "anna.muster", "Back Clinic")
		if !fault.Is(err, "PASSWORD_WEAK") || !fault.IsKind(err, fault.InvalidArgument) {
			t.Errorf("CheckPassword(%q) = %v, want PASSWORD_WEAK", weak, err)
			continue
		}
		if f, _ := errors.AsType[*fault.Error](err); len(f.Fields) != 1 || f.Fields[0].Field != "password" {
			t.Errorf("CheckPassword(%q) names %v", weak, f.Fields)
		}
		if strings.Contains(err.Error(), weak) {
			t.Errorf("the refusal of %q repeats it", weak)
		}
	}
	if err := CheckPassword("password", "tenletters", MinPatientPassword); err != nil {
		t.Errorf("ten characters are enough for a patient: %v", err)
	}
}

// A character typed as two code points is the same password.
func TestNormalizePassword(t *testing.T) {
	t.Parallel()
	if NormalizePassword("u\u0308ber") != NormalizePassword("über") {
		t.Error("one password, two forms")
	}
}

func TestEveryCommonWordIsRefused(t *testing.T) {
	t.Parallel()
	if n := len(commonPasswords()); n < 200 {
		t.Fatalf("%d common words", n)
	}
	for word := range commonPasswords() {
		password := strings.ToUpper(word[:1]) + word[1:] + "2026!"
		if len(password) < 10 {
			continue
		}
		if CheckPassword("password", password, 10) == nil {
			t.Errorf("%q passed", password)
		}
	}
}

func FuzzCheckPassword(f *testing.F) {
	f.Add("correct horse battery", "Anna")
	f.Add("aaaaaaaaaaaaaaaa", "")
	f.Fuzz(func(t *testing.T, password, known string) {
		if err := CheckPassword("password", password, MinStaffPassword, known); err != nil && !fault.Is(err, "PASSWORD_WEAK") {
			t.Errorf("CheckPassword = %v", err)
		}
	})
}
