export { Barrier } from './testing/barrier.js';
export type { SessionApp } from './testing/session-apps.js';
export { sessionBehind, type SessionBehind } from './testing/session-behind.js';
export { signIn, type SignInOptions, type TestIdentity } from './testing/sign-in.js';
export type { BrowserCookie, TestCookie } from './testing/test-cookie.js';
export type { RequestHeaders } from './testing/test-request.js';
export { createTestSession, type TestSessionOptions } from './testing/test-session.js';
export { testSessions, type TestSessions, type TestSessionsOptions } from './testing/test-sessions.js';
