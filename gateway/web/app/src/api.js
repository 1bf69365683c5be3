// The public API, as the signed-in user. Nothing here is kept between pages: no patient
// data goes into storage of the browser.

/** Problem is an answer that says why not. */
export class Problem extends Error {
  constructor(body, status) {
    super(body?.detail || body?.title || `The server answered ${status}.`);
    this.reason = body?.reason ?? '';
    this.status = status;
  }
}

/**
 * call asks the API. What no person asked for, such as loading again after an event, says
 * so: it must not keep the session of somebody who walked away alive.
 */
async function call(path, { headers, background, ...options } = {}) {
  const response = await fetch(path, {
    headers: { Accept: 'application/json', ...(background && { 'Upright-Background': '1' }), ...headers },
    ...options,
  });
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new Problem(body, response.status);
  return body;
}

export const clinic = () => call('/v1/clinic');

/** practitioners lists everybody who can have a column, every page of them. */
export async function practitioners() {
  const all = [];
  let token = '';
  do {
    const page = await call(`/v1/practitioners?page_size=200&page_token=${encodeURIComponent(token)}`);
    all.push(...(page.practitioners ?? []));
    token = page.next_page_token ?? '';
  } while (token);
  return all;
}

/** day lists the appointments of one civil date of the clinic, every page of them. */
export async function day(date, background) {
  const all = [];
  let token = '';
  do {
    const page = await call(`/v1/appointments?date=${date}&page_size=500&page_token=${encodeURIComponent(token)}`, { background });
    all.push(...(page.appointments ?? []));
    token = page.next_page_token ?? '';
  } while (token);
  return all;
}

/** names asks for the display names of patients, by id; ids stay out of no URL, names do. */
export async function names(ids, background) {
  if (!ids.length) return new Map();
  const found = await call('/v1/patients:batchGet', {
    method: 'POST',
    background,
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ patient_ids: ids }),
  });
  return new Map((found.patients ?? []).map((p) => [p.patient_id, `${p.given_name} ${p.family_name}`]));
}

/** undoArrival takes an arrival back, in the version that is on the screen. */
export const undoArrival = (id, etag) => call(`/v1/appointments/${id}:undoCheckIn`, {
  method: 'POST',
  headers: { 'Content-Type': 'application/json', 'Idempotency-Key': crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}` },
  body: JSON.stringify({ etag }),
});

/** arriving goes to the six questions before a check-in, and comes back. */
export function arriving({ id, etag }, back) {
  const form = document.createElement('form');
  form.method = 'post';
  form.action = `/staff/appointments/${id}/arrive`;
  for (const [name, value] of Object.entries({ etag, back })) {
    const input = document.createElement('input');
    Object.assign(input, { type: 'hidden', name, value });
    form.append(input);
  }
  document.body.append(form);
  form.submit();
}

/** watch calls back whenever something in the clinic happened, and says whether it is connected; it reconnects by itself. */
export function watch(changed, connected) {
  const source = new EventSource('/v1/events:watch');
  source.onopen = () => connected(true);
  source.onerror = () => connected(false);
  source.onmessage = changed;
  return () => source.close();
}
