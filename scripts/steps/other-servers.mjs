// Fetches the servers of `npm run test:servers`, unless they are there, and says which versions they are.
import { fetchOtherServers, OTHER_SERVERS, versionOf } from '../install/other-servers.mjs';

try {
  fetchOtherServers();
  for (const server of OTHER_SERVERS) console.log(versionOf(server));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
