import { inspect } from 'node:util';
import { callHarmlessly } from './harmless-call.js';

/** Where failures of a store go: to the application's function, to the console, or nowhere. Never throws. */
export function errorLog(logErrors: boolean | ((error: Error) => unknown)): (error: Error) => void {
  if (logErrors === false) return () => undefined;
  if (logErrors === true) return print;
  // The one who logs may be about to answer a request.
  return (error) =>
    callHarmlessly(
      () => logErrors(error),
      (reason) => {
        process.emitWarning(`"store.logErrors" failed: ${inspect(reason)}`, { type: 'SessionLoggerError' });
        print(error);
      },
    );
}

function print(error: Error): void {
  // oxlint-disable-next-line no-console -- outside of Nest there is no other log
  console.error(error.message);
}
