package edge

import (
	"net/http"

	"github.com/upright-clinic/upright/gateway/internal/route"
)

// Content security policies. Nothing is inline, nothing comes from elsewhere, and no other
// site may frame a page or take a form's data.
const (
	pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
		"connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	dataPolicy = "default-src 'none'; frame-ancestors 'none'"
)

// hstsValue makes browsers use TLS for two years, subdomains included.
const hstsValue = "max-age=63072000; includeSubDomains"

// headers are what every answer of a form carries, so that no handler can forget them. The
// slices are shared between answers and never changed: handlers replace values.
func headers(secure bool) map[route.Form]http.Header {
	all := map[route.Form]http.Header{}
	for _, form := range []route.Form{route.API, route.Page, route.File, route.Stream} {
		h := http.Header{
			"X-Content-Type-Options":       {"nosniff"},
			"X-Frame-Options":              {"DENY"},
			"Referrer-Policy":              {"same-origin"},
			"Cross-Origin-Resource-Policy": {"same-origin"},
			"Cache-Control":                {"no-store"},
			"Content-Security-Policy":      {dataPolicy},
		}
		if form == route.Page || form == route.File {
			h["Content-Security-Policy"] = []string{pagePolicy}
			h["Cross-Origin-Opener-Policy"] = []string{"same-origin"}
			h["Permissions-Policy"] = []string{
				"accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), " +
					"microphone=(), midi=(), payment=(), usb=(), xr-spatial-tracking=()",
			}
		}
		if secure {
			h["Strict-Transport-Security"] = []string{hstsValue}
		}
		all[form] = h
	}
	return all
}

// setHeaders sets the headers of a form.
func (e *Edge) setHeaders(h http.Header, form route.Form) {
	for name, value := range e.headers[form] {
		h[name] = value
	}
}
