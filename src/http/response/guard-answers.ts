/** The answers to whoever may not use a handler: status, message and code. */
export const GUARD_ANSWERS = {
  signedOut: [401, 'Sign in first.', 'SESSION_REQUIRED'],
  notFresh: [401, 'Sign in again to do this.', 'SESSION_LOGIN_NOT_FRESH'],
  withoutRole: [403, 'You may not do this.', 'SESSION_ROLE_MISSING'],
} as const;

/** The `reason` of a sign-in that is too long ago. */
export const NOT_FRESH = 'login-not-fresh';
