// Package schedule has booking's rules: what can be booked, when a shift is in instants, at
// which starts a visit fits everybody and everything it needs, and what a patient's booking
// gate lets through.
//
// It is pure: no context, no clock, no store. Time is counted in slots of five minutes from
// the Unix epoch ([Slot]), intervals are half-open ([Span]), and who is free when is a bitmap
// over slots ([Bits]). Refusals are [fault.Error] with a reason, so that booking, openings
// and "why not" say the same.
package schedule
