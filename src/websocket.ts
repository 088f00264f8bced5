export { SessionSockets, type AttachOptions } from './sockets/session-sockets.js';
