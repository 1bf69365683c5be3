// Reads an iCalendar file from standard input and prints what two parsers find in it.
import ICAL from 'ical.js';
import ical from 'node-ical';
import { readFileSync } from 'node:fs';

const text = readFileSync(0, 'utf8');
const iso = (date) => date.toISOString().replace('.000Z', 'Z');
const sorted = (list) => list.sort((a, b) => (a.uid < b.uid ? -1 : 1));

const strict = new ICAL.Component(ICAL.parse(text))
  .getAllSubcomponents('vevent')
  .map((component) => {
    const event = new ICAL.Event(component);
    return {
      uid: event.uid,
      sequence: event.sequence,
      start: iso(event.startDate.toJSDate()),
      end: iso(event.endDate.toJSDate()),
      cancelled: component.getFirstPropertyValue('status') === 'CANCELLED',
      summary: event.summary,
    };
  });

const lenient = Object.values(ical.sync.parseICS(text))
  .filter((event) => event.type === 'VEVENT')
  .map((event) => ({
    uid: event.uid,
    sequence: Number(event.sequence),
    start: iso(event.start),
    end: iso(event.end),
    cancelled: event.status === 'CANCELLED',
    summary: typeof event.summary === 'object' ? event.summary.val : event.summary,
  }));

process.stdout.write(JSON.stringify({ 'ical.js': sorted(strict), 'node-ical': sorted(lenient) }));
