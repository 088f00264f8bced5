import { call } from './api.js';
import { withText } from './elements.js';
import { relativeTime } from './relative-time.js';

/** All sessions that a route lists: the one of this browser first, then the one seen last. */
export async function allSessions(path) {
  const all = [];
  let cursor;
  do {
    const page = await call('GET', cursor === undefined ? path : `${path}?cursor=${encodeURIComponent(cursor)}`);
    all.push(...page.sessions);
    ({ cursor } = page);
  } while (cursor !== undefined);
  return all.toSorted((a, b) => b.current - a.current || Date.parse(b.lastSeenAt) - Date.parse(a.lastSeenAt));
}

/** Shows sessions in a list. `onEnd` gets a session and the button that was pressed. */
export function showDevices(list, sessions, onEnd) {
  list.replaceChildren(...sessions.map((session) => rowOf(session, `${list.id}-${session.handle}`, onEnd)));
}

function rowOf(session, id, onEnd) {
  const row = document.createElement('li');
  const text = document.createElement('div');
  const name = withText('p', session.device, 'device');
  if (session.current) name.append(' ', withText('span', 'This device', 'tag'));
  const facts = withText('p', 'Last seen ', 'hint');
  facts.id = id;
  facts.append(relativeTime(session.lastSeenAt), ' · signed in ', relativeTime(session.signedInAt));
  if (session.ip !== undefined) facts.append(` · ${session.ip}`);
  text.append(name, facts);
  row.append(text);
  if (!session.current) row.append(endButton(session, id, onEnd));
  return row;
}

function endButton(session, describedBy, onEnd) {
  const button = withText('button', 'End session', 'quiet');
  button.type = 'button';
  button.setAttribute('aria-label', `End session: ${session.device}`);
  button.setAttribute('aria-describedby', describedBy);
  button.addEventListener('click', () => onEnd(session, button));
  return button;
}
