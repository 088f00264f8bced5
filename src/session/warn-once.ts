const told = new Set<string>();

/** Says each thing once in a process, however many applications and requests there are to say it of. `message` must not be of endless variety. */
export function warnOnce(warn: (message: string) => void, message: string): void {
  if (told.has(message)) return;
  told.add(message);
  warn(message);
}

/** As if the process began anew, for tests. */
export function forgetWarnings(): void {
  told.clear();
}

/** Where warnings go of what has no log of an application. */
export function emitWarning(message: string): void {
  process.emitWarning(message, { type: 'SessionWarning' });
}
