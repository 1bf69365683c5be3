// Wall time of the clinic. The calendar draws "local" dates, so an instant is turned into
// the clinic's wall clock first, whatever zone the receptionist's computer is in.

/** wall gives "YYYY-MM-DDTHH:MM" on the clinic's clock. */
export function wall(instant, zone) {
  const parts = Object.fromEntries(
    new Intl.DateTimeFormat('en-CA', {
      timeZone: zone, hourCycle: 'h23', year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit',
    }).formatToParts(new Date(instant)).map((p) => [p.type, p.value]),
  );
  return `${parts.year}-${parts.month}-${parts.day}T${parts.hour}:${parts.minute}`;
}

/** shift gives the civil date n days on. */
export function shift(date, n) {
  const d = new Date(`${date}T12:00:00Z`);
  d.setUTCDate(d.getUTCDate() + n);
  return d.toISOString().slice(0, 10);
}

/** spoken gives the date as a person of the clinic says it. */
export function spoken(date, locale) {
  return new Intl.DateTimeFormat(locale || document.documentElement.lang, { dateStyle: 'full', timeZone: 'UTC' }).format(new Date(`${date}T12:00:00Z`));
}
