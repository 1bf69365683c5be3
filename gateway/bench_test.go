package gateway_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// nowhere is an answer that is thrown away.
type nowhere struct{ h http.Header }

func (n *nowhere) Header() http.Header         { return n.h }
func (n *nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (n *nowhere) WriteHeader(int)             {}

// BenchmarkBooking is one booking through everything but the socket: limits, session,
// access, JSON both ways, the signed call in process with its checks, and a service that
// does nothing. What is above net/http and below the service is what it measures.
func BenchmarkBooking(b *testing.B) {
	w := newWorld(b, noLimits)
	request := httptest.NewRequest("POST", "/v1/appointments", nil)
	request.Header.Set("Authorization", "Bearer "+reception)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", "key-1")
	request.Header.Set("User-Agent", "bench")
	request.Header.Set("Accept", "*/*")
	request.ContentLength = int64(len(booked))
	out := &nowhere{h: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(out.h)
		request.Body = io.NopCloser(strings.NewReader(booked))
		w.gw.ServeHTTP(out, request)
		w.spy.calls, w.book.requests, w.book.seen = nil, nil, nil
	}
	if out.h.Get("Etag") == "" {
		b.Fatal("not booked")
	}
}

// BenchmarkEcho is the same for a question with a query.
func BenchmarkEcho(b *testing.B) {
	w := newWorld(b, noLimits)
	request := httptest.NewRequest("GET", "/v1/appointments?date=2026-11-24&page_size=10", nil)
	request.Header.Set("Authorization", "Bearer "+reception)
	out := &nowhere{h: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(out.h)
		w.gw.ServeHTTP(out, request)
		w.spy.calls = nil
	}
}

// BenchmarkDayPage is a page: five questions and a template.
func BenchmarkDayPage(b *testing.B) {
	w := newWorld(b, noLimits)
	request := httptest.NewRequest("GET", "/staff/day", nil)
	request.Header.Set("Authorization", "Bearer "+reception)
	request.Header.Set("Accept", "text/html")
	out := &nowhere{h: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(out.h)
		w.gw.ServeHTTP(out, request)
		w.spy.calls = nil
	}
}
