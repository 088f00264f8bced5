import { call } from './api.js';
import { element } from './elements.js';

const BETWEEN_LOOKS = 15_000;
const MINUTE = 60_000;
const ENDS_ANYWAY = 'Your session ends soon all the same: it has reached its longest life. Sign in again then.';

/**
 * Warns you two minutes before your session ends. Asks the server every few seconds, since other tabs may have kept the session alive or ended it;
 * asking doesn't keep it alive.
 */
export function watchExpiry({ isSignedIn, onEnd }) {
  const [dialog, title, error] = [element('expiry'), element('expiry-title'), element('expiry-error')];
  let isSoon = false;
  let hasStayed = false;

  async function look() {
    if (!isSignedIn()) return show(Infinity);
    const hadStayed = hasStayed;
    try {
      const { expiresAt, now } = await call('GET', '/account/expiry');
      // Both by the server: the browser's clock may be wrong.
      show(Date.parse(expiresAt) - Date.parse(now), hadStayed);
    } catch (problem) {
      // An outage isn't the end, so the next look may tell.
      if (problem.status === 401) await end(problem);
    }
  }

  function show(left, hadStayed = false) {
    const wasSoon = isSoon;
    isSoon = left <= 2 * MINUTE;
    if (!isSoon) {
      hasStayed = false;
      return dialog.close();
    }
    title.textContent = `You will be signed out in ${left > MINUTE ? 'two minutes' : 'one minute'}`;
    if (!wasSoon) open();
    if (!hadStayed) return;
    // Once: a screen reader says it each time.
    hasStayed = false;
    element('notice').textContent = ENDS_ANYWAY;
  }

  function open() {
    error.textContent = '';
    dialog.showModal();
  }

  async function end({ reason }) {
    show(Infinity);
    if (isSignedIn()) await onEnd(reason);
  }

  async function stay() {
    try {
      // Any request does that isn't passive.
      await call('GET', '/account/me');
      hasStayed = true;
      dialog.close();
    } catch (problem) {
      if (problem.status === 401) await end(problem);
      else error.textContent = problem.message;
    }
  }

  element('stay').addEventListener('click', () => void stay());
  setInterval(() => void look(), BETWEEN_LOOKS);
  // Browsers slow the timers of hidden tabs down, and stop them while the computer sleeps.
  document.addEventListener('visibilitychange', () => void look());
}
