import { ApiError, call } from './api.js';
import { element } from './elements.js';

/** Does something that needs a fresh sign-in: asks for the password where the server says so, and then does it again. */
export async function withFreshLogin(action) {
  try {
    return await action();
  } catch (error) {
    if (error.reason !== 'login-not-fresh') throw error;
  }
  await confirmPassword();
  return action();
}

/** Resolves when the password was right. Rejects when the user thinks better of it, and when the session has ended. */
function confirmPassword() {
  const [dialog, form, error] = [element('confirm'), element('confirm-form'), element('confirm-error')];
  const button = form.querySelector('[type=submit]');
  const open = new AbortController();
  const { signal } = open;
  return new Promise((resolve, reject) => {
    const close = (finish) => {
      open.abort();
      dialog.close();
      form.reset();
      finish();
    };
    // Esc closes it, too.
    dialog.addEventListener('close', () => close(() => reject(new Error('Nothing was changed.'))), { signal });
    const confirm = async (event) => {
      event.preventDefault();
      button.disabled = true;
      try {
        await call('POST', '/account/reauthenticate', { password: new FormData(form).get('password') });
        close(resolve);
      } catch (problem) {
        if (problem instanceof ApiError && problem.status === 401) close(() => reject(problem));
        else error.textContent = problem.message;
      }
      button.disabled = false;
    };
    form.addEventListener('submit', (event) => void confirm(event), { signal });
    error.textContent = '';
    dialog.showModal();
  });
}

element('confirm-cancel').addEventListener('click', () => element('confirm').close());
