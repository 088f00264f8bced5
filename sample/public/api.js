const WORDS = {
  401: 'You are not signed in.',
  403: 'You may not do that.',
  503: 'The session store cannot be reached. Try again in a moment.',
};

/** An answer that is not what was asked for. `message` is for people, `reason` is one of the session's. */
export class ApiError extends Error {
  constructor(status, message, reason) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

/** What the server answers, as JSON. */
export async function call(method, path, body) {
  const json = body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  const response = await fetch(path, { method, cache: 'no-store', ...json }).catch(() => {
    throw new ApiError(0, 'The server cannot be reached.');
  });
  const answer = await response.json().catch(() => undefined);
  if (response.ok) return answer;
  throw new ApiError(response.status, sentence(response.status, answer), answer?.reason);
}

function sentence(status, answer) {
  const said = typeof answer?.message === 'string' ? answer.message : undefined;
  // A code marks an answer about the session, which is worded for programmers.
  if (said !== undefined && answer.code === undefined && status < 500) return said;
  return WORDS[status] ?? `Something went wrong (${status}).`;
}
