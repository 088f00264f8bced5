/** What an error says of itself. */
export interface Refusal {
  readonly code: string | undefined;
  readonly message: string;
}

/** How a call is refused, by throwing or by rejecting; `undefined` when it is not. */
export async function refusal(call: () => unknown): Promise<Refusal | undefined> {
  try {
    await call();
    return undefined;
  } catch (error) {
    const { code, message } = error as Refusal;
    return { code, message };
  }
}
