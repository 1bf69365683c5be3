// Package people has directory's rules: how names are compared, what a telephone number or a
// birth date may look like, which passwords are refused, how merged records lead to the one
// that lives on, and what a record must hold to be stored.
//
// Everything here is a pure function of its arguments. What is wrong with a value is said as a
// [fault.Error] that names the field as the request has it.
package people
