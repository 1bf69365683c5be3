// The keyboard of the diary, in one list: what a key does, what the help says of it, and what a
// test presses are the same. Single keys can be switched off (WCAG 2.1.4), and do nothing while
// somebody types.

export const keys = [
  { key: 'j', also: 'n', does: 'Next day', run: (d) => d.step(1) },
  { key: 'k', also: 'p', does: 'Previous day', run: (d) => d.step(-1) },
  { key: 't', does: 'Today', run: (d) => d.today() },
  { key: 'g', does: 'Go to a date', run: (d) => d.pickDate() },
  { key: '/', does: 'Find a patient', run: (d) => d.leave('/staff/patients') },
  { key: 'c', does: 'Book a visit on this day', run: (d) => d.book() },
  { key: 'l', does: 'The day as a list', run: (d) => d.list() },
  { key: '1', to: '9', does: 'First visit of that column', run: (d, key) => d.column(Number(key) - 1) },
  { key: 'a', does: 'The patient of the visit in focus has arrived; once more takes it back', run: (d) => d.arrive() },
  { key: 'r', does: 'Book again for the patient of the visit in focus', run: (d) => d.again() },
  { key: '?', does: 'These keys', run: (d) => d.help() },
];

/** Keys that are no characters work while the others are switched off, on a visit in focus. */
export const arrows = [
  { key: 'ArrowUp', says: '↑ ↓', does: 'Visit before and after in the same column', run: (d) => d.move(0, -1) },
  { key: 'ArrowDown', run: (d) => d.move(0, 1) },
  { key: 'ArrowLeft', says: '← →', does: 'Visit at about the same time in the next column', run: (d) => d.move(-1, 0) },
  { key: 'ArrowRight', run: (d) => d.move(1, 0) },
  { key: 'Enter', says: 'Enter', does: 'Open the visit in focus' }, // a link: the browser does it
];

const setting = 'upright-single-keys';

/** singles says whether single keys are on; the choice is this browser's. */
export const singles = () => localStorage.getItem(setting) !== 'off';

/** switchSingles keeps the choice. */
export const switchSingles = (on) => (on ? localStorage.removeItem(setting) : localStorage.setItem(setting, 'off'));

/** press runs what a key stands for and reports whether it was one of ours. */
export function press(event, diary) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return false;
  if (event.target.closest('input, select, textarea, dialog')) return false;
  const arrow = arrows.find((a) => a.key === event.key && a.run);
  if (arrow) {
    if (!event.target.closest('[data-visit]')) return false;
    arrow.run(diary);
    return true;
  }
  if (!singles()) return false;
  const found = keys.find((k) => k.key === event.key || k.also === event.key || (k.to && event.key >= k.key && event.key <= k.to && event.key.length === 1));
  if (!found) return false;
  found.run(diary, event.key);
  return true;
}
