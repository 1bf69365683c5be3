package main

// structure lists what is wrong with how the page that is open is made: its title, language,
// headings, landmarks, labels and names, what the content policy forbids, and its width.
const structure = `(() => {
	const wrong = [], seen = new Set(), all = (selector) => [...document.querySelectorAll(selector)];
	for (const e of all('[id]')) { if (seen.has(e.id)) wrong.push('id twice: ' + e.id); seen.add(e.id); }
	const h1 = all('h1');
	if (h1.length !== 1) wrong.push('not one h1');
	else if (!document.title.includes(h1[0].textContent.trim().split(',')[0])) wrong.push('the title ' + document.title + ' is not that of the page: ' + h1[0].textContent);
	if (!document.documentElement.lang) wrong.push('no language');
	if (all('main').length !== 1 || all('body > header').length !== 1 || all('body > footer').length !== 1) wrong.push('not one header, main and footer');
	if (all('nav').some((e) => !e.ariaLabel)) wrong.push('a nav without a name');
	if (!document.querySelector('body > a.skip[href="#main"]') || !seen.has('main')) wrong.push('no way to skip the head');
	let level = 1;
	for (const e of all('main h1, main h2, main h3, main h4')) {
		const n = Number(e.tagName[1]); if (n > level + 1) wrong.push('a level is left out before: ' + e.textContent); level = n;
		if (!e.textContent.trim()) wrong.push('an empty heading');
	}
	for (const e of all('main input:not([type=hidden]), main select, main textarea'))
		if (!e.labels.length && !e.ariaLabel) wrong.push('without label: ' + e.name);
	for (const e of all('button, a, summary')) if (!e.textContent.trim() && !e.ariaLabel) wrong.push('without a name: ' + e.outerHTML);
	for (const e of all('[aria-labelledby], [aria-describedby]'))
		for (const id of (e.getAttribute('aria-labelledby') || e.getAttribute('aria-describedby')).trim().split(/\s+/)) if (!seen.has(id)) wrong.push('no element: ' + id);
	for (const e of all('label[for], a[href^="#"]')) {
		const id = e.htmlFor || decodeURIComponent(e.hash.slice(1));
		if (!seen.has(id)) wrong.push('leads nowhere: ' + e.outerHTML);
	}
	if (document.querySelector('[style], style, script:not([src])')) wrong.push('inline style or script');
	for (const e of all('link[href], script[src], img[src], iframe[src], form[action]'))
		if (new URL(e.href || e.src || e.action, location).origin !== location.origin) wrong.push('another site: ' + e.outerHTML);
	if (document.documentElement.scrollWidth > innerWidth) wrong.push('wider than the screen: ' + document.documentElement.scrollWidth);
	for (const e of all('main button, main a.button, main summary')) {
		const box = e.getBoundingClientRect();
		if (box.width && (box.width < 24 || box.height < 24)) wrong.push('too small to hit: ' + e.textContent.trim());
	}
	const missing = document.body.textContent.match(/\[[a-z_]+\.[a-zA-Z_.]+\]/);
	if (missing) wrong.push('a text is missing: ' + missing[0]);
	return wrong;
})()`
