const UNITS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];
const words = new Intl.RelativeTimeFormat('en');

/** A `<time>` in words, which stay true while the page is open; the time itself is its tooltip. */
export function relativeTime(iso) {
  const time = document.createElement('time');
  time.dateTime = iso;
  time.title = new Date(iso).toLocaleString('en', { dateStyle: 'medium', timeStyle: 'short' });
  time.textContent = ago(iso);
  return time;
}

function ago(iso) {
  const seconds = (Date.now() - Date.parse(iso)) / 1_000;
  const [unit, size] = UNITS.find(([, enough]) => seconds >= enough) ?? [];
  return unit === undefined ? 'just now' : words.format(-Math.floor(seconds / size), unit);
}

setInterval(() => {
  for (const time of document.querySelectorAll('time')) time.textContent = ago(time.dateTime);
}, 30_000);
