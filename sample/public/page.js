import { call } from './api.js';

const element = (id) => document.getElementById(id);

async function showAccount() {
  const who = await call('GET', '/account/me').catch((error) => {
    if (error.status === 401) return undefined;
    throw error;
  });
  element('sign-in').hidden = who !== undefined;
  element('signed-in').hidden = who === undefined;
  element('who').textContent = who?.name ?? '';
  element('roles').replaceChildren(...(who?.roles ?? []).map((role) => withText('li', role)));
}

async function showCart() {
  const { items } = await call('GET', '/cart');
  element('cart').hidden = items.length === 0;
  element('cart-empty').hidden = items.length > 0;
  element('cart-items').replaceChildren(
    ...items.map(({ sku, quantity }) => {
      const row = document.createElement('tr');
      const number = withText('td', quantity);
      number.className = 'number';
      row.append(withText('td', sku), number);
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

const showSession = () =>
  Promise.all([attempt('account-error', showAccount), attempt('cart-error', showCart), showCommand().catch(() => undefined)]);

/** Does something and puts into words what went wrong. */
async function attempt(errorId, action) {
  const error = element(errorId);
  try {
    await action();
    error.textContent = '';
    return true;
  } catch (problem) {
    error.textContent = problem.message;
    return false;
  }
}

/** One press at a time: the button rests until its action is over. */
async function press(button, errorId, action) {
  button.disabled = true;
  const done = await attempt(errorId, action);
  if (done) await showSession();
  button.disabled = false;
  return done;
}

function onSubmit(formId, errorId, send) {
  const form = element(formId);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (!(await press(form.querySelector('button'), errorId, () => send(new FormData(form))))) return;
    form.reset();
    form.querySelector('input').focus();
  });
}

function withText(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

onSubmit('sign-in', 'account-error', (form) =>
  call('POST', '/auth/login', { username: form.get('username'), password: form.get('password') }),
);
onSubmit('add', 'cart-error', (form) => call('POST', '/cart', { sku: form.get('sku').trim(), quantity: Number(form.get('quantity')) }));
element('sign-out').addEventListener('click', ({ target }) => press(target, 'account-error', () => call('POST', '/auth/logout')));

await Promise.all([showPlace().catch(() => undefined), showSession()]);
