import { call } from './api.js';
import { allSessions, showDevices } from './devices.js';
import { element, withText } from './elements.js';
import { watchExpiry } from './expiry.js';
import { withFreshLogin } from './fresh-login.js';
import { watchPresence } from './presence.js';

const WHY_ENDED = {
  revoked: 'This session was ended from another device. If that was not you, sign in and change your password.',
  evicted: 'You signed in on more devices than an account may have, so you were signed out here.',
  'password-changed': 'Your password was changed on another device, so you were signed out here. Sign in with the new one.',
  'ended-by-admin': 'An administrator ended this session. Sign in again to go on.',
};
const ENDED = 'Your session has ended. Sign in again to go on.';

const presence = watchPresence({ onEnd: showSignedOut });
/** Who is signed in, as far as this page knows. */
let who;
/** Whose things it shows. */
let shown;

async function askWho() {
  try {
    return await call('GET', '/account/me');
  } catch (error) {
    if (error.status !== 401) throw error;
    if (who !== undefined || error.reason !== undefined) sayEnded(error.reason);
    return undefined;
  }
}

function sayEnded(reason) {
  element('notice').textContent = WHY_ENDED[reason] ?? ENDED;
}

async function showAccount() {
  who = await askWho();
  const isAdmin = who?.roles.includes('admin') ?? false;
  for (const id of ['signed-in', 'devices-section']) element(id).hidden = who === undefined;
  element('sign-in').hidden = who !== undefined;
  element('admin').hidden = !isAdmin;
  element('who').textContent = who?.name ?? '';
  element('password-of').value = who?.name ?? '';
  element('roles').replaceChildren(...(who?.roles ?? []).map((role) => withText('li', role)));
  presence.follow(who !== undefined);
  if (who !== undefined) element('notice').textContent = '';
  if (who?.id === shown) return;
  shown = who?.id;
  forget();
}

/** What one user has seen or typed is not for the next. */
function forget() {
  for (const place of ['password', 'devices', 'admin'])
    for (const text of ['status', 'error']) element(`${place}-${text}`).textContent = '';
  for (const id of ['devices', 'admin-devices', 'admin-user']) element(id).replaceChildren();
  element('change-password').reset();
  element('password-box').open = false;
}

async function showCart() {
  const { items } = await call('GET', '/cart');
  element('cart').hidden = items.length === 0;
  element('cart-empty').hidden = items.length > 0;
  element('cart-items').replaceChildren(
    ...items.map(({ sku, quantity }) => {
      const row = document.createElement('tr');
      row.append(withText('td', sku), withText('td', quantity, 'number'));
      return row;
    }),
  );
}

async function showCommand() {
  const { command } = await call('GET', '/page/session');
  element('look').hidden = command === undefined;
  element('command').textContent = command ?? '';
}

async function showPlace() {
  const { place } = await call('GET', '/page/storage');
  element('place').textContent = place;
}

/** How far the move from connect-redis is, where there is one. */
async function showMove() {
  const { phase, left } = await call('GET', '/page/move');
  element('move').hidden = phase === undefined;
  element('convert-rest').hidden = phase !== 'convert' || left === 0;
  element('left').textContent = left ?? '';
}

async function showOwnDevices() {
  if (who === undefined) return;
  const sessions = await allSessions('/sessions');
  element('end-others').hidden = sessions.length < 2;
  showDevices(element('devices'), sessions, ({ handle, device }, button) =>
    end(button, 'devices', async () => {
      await withFreshLogin(() => call('DELETE', `/sessions/${handle}`)).catch(unlessGone);
      return `Ended: ${device}.`;
    }),
  );
}

/** The sessions of the user that an admin has chosen. */
async function showUsersDevices() {
  if (element('admin').hidden) return;
  const select = element('admin-user');
  if (select.length === 0) {
    const others = (await call('GET', '/admin/users')).filter(({ id }) => id !== who.id);
    select.replaceChildren(...others.map(({ id, name }) => new Option(name, id)));
  }
  const path = `/admin/users/${encodeURIComponent(select.value)}/sessions`;
  const sessions = await allSessions(path);
  element('admin-none').hidden = sessions.length > 0;
  element('admin-end-all').hidden = sessions.length === 0;
  showDevices(element('admin-devices'), sessions, ({ handle, device }, button) =>
    end(button, 'admin', async () => {
      await call('DELETE', `${path}/${handle}`).catch(unlessGone);
      return `Ended: ${device}.`;
    }),
  );
}

/** Somebody else was faster: it is gone, as was asked. */
function unlessGone(error) {
  if (error.status !== 404) throw error;
}

async function showSession() {
  // First and alone: of all requests that carry the cookie of an ended session, only the first is told why it has ended.
  await attempt('account-error', showAccount);
  await Promise.all([
    attempt('cart-error', showCart),
    attempt('devices-error', showOwnDevices),
    attempt('admin-error', showUsersDevices),
    showCommand().catch(() => undefined),
  ]);
}

/** Does something and puts into words what went wrong. */
async function attempt(errorId, action) {
  const error = element(errorId);
  try {
    await action();
    error.textContent = '';
    return true;
  } catch (problem) {
    if (problem.status === 401 && who !== undefined) await showSignedOut(problem.reason);
    else error.textContent = problem.message;
    return false;
  }
}

/** The session has ended elsewhere. */
async function showSignedOut(reason) {
  sayEnded(reason);
  for (const dialog of document.querySelectorAll('dialog')) dialog.close();
  who = undefined;
  await showSession();
  element('username').focus();
}

/** One press at a time: the button rests until its action is over. */
async function press(button, errorId, action) {
  button.disabled = true;
  const done = await attempt(errorId, async () => {
    // Who was signed out elsewhere learns so, rather than going on as a visitor by accident.
    if (who !== undefined) await call('GET', '/account/me');
    await action();
  });
  if (done) await showSession();
  button.disabled = false;
  // A button that rests loses the focus.
  if (document.activeElement === document.body) button.focus();
  return done;
}

/** Ends sessions, says so, and leaves the focus where the button was. */
async function end(button, place, action) {
  const status = element(`${place}-status`);
  status.textContent = '';
  let said;
  if (!(await press(button, `${place}-error`, async () => (said = await action())))) return;
  status.textContent = said;
  element(`${place}-title`).focus();
}

function onSubmit(formId, errorId, send) {
  const form = element(formId);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const focused = document.activeElement;
    const sendAndClear = async () => {
      await send(new FormData(form));
      // At once: whoever goes on while the page is brought up to date keeps what they type.
      form.reset();
    };
    if (!(await press(form.querySelector('button'), errorId, sendAndClear))) return;
    const wentOn = ![focused, document.body].includes(document.activeElement);
    if (!wentOn) (form.hidden ? element('account-title') : form.querySelector('input')).focus();
  });
}

const countOf = (number, name) => `${number} ${name}${number === 1 ? '' : 's'}`;

onSubmit('sign-in', 'account-error', async (form) => {
  await call('POST', '/auth/login', { username: form.get('username'), password: form.get('password') });
  element('notice').textContent = '';
});
onSubmit('add', 'cart-error', (form) => call('POST', '/cart', { sku: form.get('sku').trim(), quantity: Number(form.get('quantity')) }));

element('sign-out').addEventListener('click', async ({ target }) => {
  const signOut = async () => {
    // What it would tell about the end of this session is no news here.
    presence.follow(false);
    await call('POST', '/auth/logout');
    who = undefined;
  };
  if (await press(target, 'account-error', signOut)) element('username').focus();
});

element('change-password').addEventListener('submit', async (event) => {
  event.preventDefault();
  const form = event.target;
  const [body, status] = [Object.fromEntries(new FormData(form)), element('password-status')];
  status.textContent = '';
  let ended;
  const change = () => withFreshLogin(() => call('POST', '/account/password', body));
  if (!(await press(form.querySelector('button'), 'password-error', async () => ({ ended } = await change())))) return;
  form.reset();
  element('password-box').open = false;
  status.textContent = `Your password is changed, and ${countOf(ended, 'other session')} ended.`;
  element('password-title').focus();
});

element('end-others').addEventListener('click', ({ target }) =>
  end(target, 'devices', async () => {
    const { ended } = await withFreshLogin(() => call('POST', '/sessions/revoke-others'));
    return `${countOf(ended, 'other session')} ended.`;
  }),
);

element('admin-user').addEventListener('change', () => attempt('admin-error', showUsersDevices));
element('admin-end-all').addEventListener('click', ({ target }) =>
  end(target, 'admin', async () => {
    const { ended } = await call('DELETE', `/admin/users/${encodeURIComponent(element('admin-user').value)}/sessions`);
    return `${countOf(ended, 'session')} ended.`;
  }),
);

element('convert-rest').addEventListener('click', ({ target }) =>
  press(target, 'move-error', async () => {
    await call('POST', '/page/move/rest');
    await showMove();
  }),
);

watchExpiry({ isSignedIn: () => who !== undefined, onEnd: showSignedOut });
await Promise.all([showPlace().catch(() => undefined), showSession()]);
await showMove().catch(() => undefined);
