const told = new Set<string>();

/** Says each thing once in a process, however many applications and requests there are to say it of. */
export function warnOnce(warn: (message: string) => void, message: string): void {
  if (told.has(message)) return;
  told.add(message);
  warn(message);
}
