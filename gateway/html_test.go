package gateway_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// node is an element of a page. The parser below takes what our templates make: quoted
// attributes and every element closed. A page that it cannot read is a mistake.
type node struct {
	tag      string
	attrs    map[string]string
	children []*node
	text     string
}

var void = []string{"meta", "link", "input", "br", "!doctype"}

// parseHTML reads a page, and fails the test when an element is not closed as it should be.
func parseHTML(t testing.TB, page string) *node {
	t.Helper()
	root := &node{tag: "#root"}
	stack := []*node{root}
	for rest := page; rest != ""; {
		top := stack[len(stack)-1]
		open := strings.IndexByte(rest, '<')
		if open != 0 {
			if open < 0 {
				open = len(rest)
			}
			top.text += rest[:open]
			rest = rest[open:]
			continue
		}
		end := tagEnd(rest)
		if end < 0 {
			t.Fatalf("a tag does not end: %.80s", rest)
		}
		tag := rest[1:end]
		rest = rest[end+1:]
		if name, closing := strings.CutPrefix(tag, "/"); closing {
			if top.tag != name {
				t.Fatalf("</%s> closes <%s>", name, top.tag)
			}
			stack = stack[:len(stack)-1]
			continue
		}
		n := parseTag(t, tag)
		top.children = append(top.children, n)
		if !slices.Contains(void, n.tag) {
			stack = append(stack, n)
		}
	}
	if len(stack) != 1 {
		t.Fatalf("<%s> is not closed", stack[len(stack)-1].tag)
	}
	return root
}

// tagEnd finds the end of a tag, past quoted attributes.
func tagEnd(s string) int {
	quoted := false
	for i := range len(s) {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == '>' && !quoted:
			return i
		}
	}
	return -1
}

// parseTag reads a name and attributes.
func parseTag(t testing.TB, tag string) *node {
	t.Helper()
	name, rest, _ := strings.Cut(tag, " ")
	n := &node{tag: strings.ToLower(strings.TrimSpace(name)), attrs: map[string]string{}}
	for rest = strings.TrimSpace(rest); rest != ""; rest = strings.TrimSpace(rest) {
		end := strings.IndexAny(rest, " =\n")
		if end < 0 || rest[end] != '=' {
			key := rest
			if end >= 0 {
				key = rest[:end]
			}
			n.attrs[key] = ""
			rest = rest[len(key):]
			continue
		}
		key := rest[:end]
		value, after, ok := strings.Cut(rest[end+2:], `"`)
		if rest[end+1] != '"' || !ok {
			t.Fatalf("attribute %s of <%s> is not quoted", key, tag)
		}
		if _, twice := n.attrs[key]; twice {
			t.Errorf("attribute %s twice in <%s>", key, tag)
		}
		n.attrs[key] = unescape(value)
		rest = after
	}
	return n
}

func unescape(s string) string {
	return strings.NewReplacer("&amp;", "&", "&lt;", "<", "&gt;", ">", "&#34;", `"`, "&#39;", "'", "&#43;", "+").Replace(s)
}

// attr returns an attribute.
func (n *node) attr(name string) string { return n.attrs[name] }

// all lists the elements below with a tag.
func (n *node) all(tag string) (found []*node) {
	for _, c := range n.children {
		if c.tag == tag || tag == "*" {
			found = append(found, c)
		}
		found = append(found, c.all(tag)...)
	}
	return found
}

// checkHTML checks what must hold on every page: one heading, a language, a label for each
// field, no two ids alike, no script and no style in the page, and nothing that html/template
// had to take out.
func checkHTML(t testing.TB, where string, a answer) {
	t.Helper()
	if !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
		return
	}
	for _, bad := range []string{"ZgotmplZ", "<script", "<style", " style=", " onclick=", "%!", "<no value>", "javascript:"} {
		if strings.Contains(a.body, bad) {
			t.Errorf("%s: the page has %q", where, bad)
		}
	}
	if strings.Contains(a.body, ">[") || strings.Contains(a.body, `"[`) {
		t.Errorf("%s: a text is missing: %s", where, a.body)
	}
	page := parseHTML(t, a.body)
	if n := len(page.all("h1")); n != 1 {
		t.Errorf("%s: %d main headings", where, n)
	}
	html := page.all("html")
	if len(html) != 1 || html[0].attr("lang") == "" || html[0].attr("dir") == "" {
		t.Errorf("%s: no language or direction", where)
	}
	if len(page.all("main")) != 1 || !strings.Contains(a.body, `href="#main"`) {
		t.Errorf("%s: no main part or no way to skip to it", where)
	}
	for _, problem := range labels(page) {
		t.Errorf("%s: %s", where, problem)
	}
}

// labels lists fields without a label, ids that are not unique and references to nothing.
func labels(page *node) (problems []string) {
	ids, labelled := map[string]bool{}, map[string]bool{}
	for _, n := range page.all("*") {
		if id := n.attr("id"); id != "" {
			if ids[id] {
				problems = append(problems, fmt.Sprintf("id %q twice", id))
			}
			ids[id] = true
		}
		if n.tag == "label" {
			labelled[n.attr("for")] = true
			for _, in := range n.all("input") {
				in.attrs["#wrapped"] = "yes"
			}
		}
	}
	for _, n := range page.all("*") {
		field := n.tag == "select" || n.tag == "textarea" || (n.tag == "input" && n.attr("type") != "hidden")
		if field && n.attr("#wrapped") == "" && !labelled[n.attr("id")] && n.attr("aria-label") == "" {
			problems = append(problems, fmt.Sprintf("<%s name=%q> has no label", n.tag, n.attr("name")))
		}
		for _, ref := range strings.Fields(n.attr("aria-describedby")) {
			if !ids[ref] {
				problems = append(problems, fmt.Sprintf("aria-describedby %q is nowhere", ref))
			}
		}
	}
	for _, n := range page.all("a") {
		if id, ok := strings.CutPrefix(n.attr("href"), "#"); ok && id != "" && !ids[id] {
			problems = append(problems, fmt.Sprintf("link to #%s, which is nowhere", id))
		}
	}
	return problems
}
