import { Agent, request } from 'node:http';
import { userId } from './app/sample-session.js';

export interface Visitor {
  /** The `Cookie` header. */
  readonly cookie: string;
  readonly id: string;
}

const AT_ONCE = 16;
const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });

/** Makes sessions of that size through the login route of a candidate, so that they are as its users would have them. */
export async function signIn(url: string, { count, bytes }: { count: number; bytes: number }): Promise<Visitor[]> {
  const visitors: Visitor[] = [];
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const user = next++;
      const { cookie } = await call(`${url}/login`, { method: 'POST', body: JSON.stringify({ user, bytes }) });
      if (cookie === undefined) throw new Error('A login was answered without a cookie.');
      visitors[user] = { cookie, id: userId(user) };
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return visitors;
}

export interface Contents {
  readonly bytes: number;
  readonly visit: number | undefined;
}

/** What is in the session of that cookie, as its own candidate sees it. */
export async function contentsOf(url: string, cookie: string): Promise<Contents> {
  return JSON.parse((await call(`${url}/contents`, { cookie })).body) as Contents;
}

/** Changes one entry, and answers the cookie that the visitor has then. */
export async function change(url: string, cookie: string): Promise<string> {
  return (await call(`${url}/change`, { method: 'POST', cookie })).cookie ?? cookie;
}

function call(
  url: string,
  { method = 'GET', cookie, body }: { method?: string; cookie?: string; body?: string },
): Promise<{ body: string; cookie: string | undefined }> {
  return new Promise((resolve, reject) => {
    const headers = { ...(cookie === undefined ? {} : { cookie }), ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
    request(url, { method, agent, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => {
        const { statusCode = 0 } = response;
        if (statusCode < 200 || statusCode > 299) return reject(new Error(`${method} ${url} was answered with ${statusCode}: ${text}`));
        const set = response.headers['set-cookie']?.map((line) => line.split(';', 1)[0]).join('; ');
        resolve({ body: text, cookie: set });
      });
    })
      .on('error', reject)
      .end(body);
  });
}
