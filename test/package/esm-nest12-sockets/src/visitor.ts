/** Where the application listens that is visited. */
export const url = process.env['APP_URL'] ?? '';

/** In ms. Far more than a busy machine needs. */
export const patience = { timeout: 120_000 };

/** The cookie of somebody who has signed in. */
export async function signIn(id: string): Promise<string> {
  const { headers } = await fetch(`${url}/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ id }),
  });
  return headers.getSetCookie()[0]?.split(';', 1)[0] ?? '';
}

/** Ends all sessions of whoever has the cookie, and says how many. */
export async function revokeAll(cookie: string): Promise<unknown> {
  const response = await fetch(`${url}/revoke-all`, { method: 'POST', headers: { cookie } });
  return response.json();
}
