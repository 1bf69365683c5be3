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

/** watch calls back whenever something in the clinic happened; it reconnects by itself. */
export function watch(changed) {
  const source = new EventSource('/v1/events:watch');
  source.onmessage = changed;
  return () => source.close();
}
