import { createServer } from 'node:net';

/** Ends with one clear line when the sample could not listen, before any work is done. */
export async function refuseTakenPort(port, host) {
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) stop(`PORT must be a number from 0 to 65535, received ${JSON.stringify(port)}.`);
  // Browsers try ::1 first for "localhost": whoever listens there would answer in the sample's place.
  const hosts = host ? [host] : ['127.0.0.1', '::1'];
  for (const address of hosts) {
    const problem = await whyNot(Number(port), address);
    if (problem === 'EADDRINUSE')
      stop(`Port ${port} of ${address} is taken. End what listens there, or choose another: PORT=3001 npm run demo`);
    if (problem === 'EACCES') stop(`Port ${port} needs more rights than this user has. Choose another: PORT=3001 npm run demo`);
    if (problem !== undefined && host) stop(`HOST=${host} is no address of this machine.`);
  }
}

/** The code of the error that listening there gives. */
function whyNot(port, host) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', ({ code }) => resolve(code));
    server.listen(port, host, () => server.close(() => resolve(undefined)));
  });
}

function stop(line) {
  console.error(line);
  process.exit(1);
}
