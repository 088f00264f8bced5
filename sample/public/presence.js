// The server serves its client.
import { io } from './socket.io/socket.io.esm.min.js';
import { element } from './elements.js';

const AFTER_A_NEW_SECRET = 1_000;

/**
 * Shows who else is here, live. The server closes the socket when your session ends, whoever ends it, and says why: nobody has to click first.
 */
export function watchPresence({ onEnd }) {
  const here = element('here');
  const socket = io({ autoConnect: false });

  socket.on('here', (names) => (here.textContent = names.join(', ')));
  socket.on('disconnect', () => (here.textContent = ''));
  socket.on('session-ended', ({ reason }) => {
    // The session goes on: its user has confirmed who they are, and the browser is about to have the new cookie.
    if (reason === 'reauthenticated') setTimeout(() => socket.connect(), AFTER_A_NEW_SECRET);
    else void onEnd(reason);
  });

  return {
    /** Visitors have no socket. */
    follow: (isSignedIn) => void (isSignedIn ? socket.connect() : socket.disconnect()),
  };
}
