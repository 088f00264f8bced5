import { inspect } from 'node:util';

/** Where failures of a store go: to the application's function, to the console, or nowhere. Never throws. */
export function errorLog(logErrors: boolean | ((error: Error) => unknown)): (error: Error) => void {
  if (logErrors === false) return () => undefined;
  return logErrors === true ? print : (error) => callSafely(logErrors, error);
}

/** The one who logs may be about to answer a request. */
function callSafely(log: (error: Error) => unknown, error: Error): void {
  const failed = (reason: unknown) => {
    process.emitWarning(`"store.logErrors" failed: ${inspect(reason)}`, { type: 'SessionLoggerError' });
    print(error);
  };
  try {
    const result = log(error);
    if (result instanceof Promise) result.catch(failed);
  } catch (reason) {
    failed(reason);
  }
}

function print(error: Error): void {
  // oxlint-disable-next-line no-console -- outside of Nest there is no other log
  console.error(error.message);
}
