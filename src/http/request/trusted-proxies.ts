import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import proxyAddr from 'proxy-addr';
import { kindOf } from '../../session/option-checks.js';

/** `session.proxy`, as it is given. */
export type ProxyOption = boolean | number | string | readonly string[];

/**
 * Whether to believe what an address says of the requests that it forwards.
 *
 * @param hop how many others stand between it and this process
 */
export type TrustedProxies = (address: string, hop: number) => boolean;

const NAMED_RANGES = ['loopback', 'linklocal', 'uniquelocal'];
const RULE = 'must be an IP address, a range such as "10.0.0.0/8", "loopback", "linklocal" or "uniquelocal".';

/** An option without problems, in the meaning of Express' "trust proxy". `undefined` where the framework decides. */
export function resolveProxyOption(proxy: ProxyOption | undefined): TrustedProxies | undefined {
  if (proxy === undefined) return undefined;
  if (typeof proxy === 'boolean') return () => proxy;
  if (typeof proxy === 'number') return (_address, hop) => hop < proxy;
  return proxyAddr.compile(addressesOf(proxy));
}

/** What is wrong with the option, one sentence each: name, rule, cure. */
export function proxyOptionProblems(proxy: unknown): string[] {
  if (proxy === undefined || typeof proxy === 'boolean') return [];
  if (typeof proxy === 'number')
    return Number.isSafeInteger(proxy) && proxy >= 0
      ? []
      : [
          `"session.proxy" must be a whole number of proxies, 0 or more, received ${kindOf(proxy)}. Count those between your users and this process.`,
        ];
  if (typeof proxy === 'string') {
    const addresses = addressesOf(proxy);
    const nameOf = (index: number) => (addresses.length === 1 ? '"session.proxy"' : `"session.proxy" (address ${index + 1})`);
    return addresses.flatMap((address, index) => addressProblem(nameOf(index), address));
  }
  if (Array.isArray(proxy)) return proxy.flatMap((address: unknown, index) => addressProblem(`"session.proxy[${index}]"`, address));
  return [
    `"session.proxy" must be true, false, a number of proxies, or their addresses, received ${kindOf(proxy)}. Leave it out to let your web framework's own setting decide.`,
  ];
}

/** The address of the client: the first, from this process on, that is not of a trusted proxy. */
export function forwardedAddress(request: IncomingMessage, trusts: TrustedProxies): string | undefined {
  const { headers, socket = {} } = request as Partial<IncomingMessage>;
  return proxyAddr({ headers, socket } as IncomingMessage, trusts);
}

/** Whether whoever sends the request to this process is trusted. */
export function isForwarded(request: IncomingMessage, trusts: TrustedProxies): boolean {
  // Where there is no address, a number of proxies, and true, need none.
  return trusts(connectionAddress(request) as string, 0);
}

/** `undefined` for a Unix socket, and for the requests of serverless wrappers that have no socket. */
export function connectionAddress({ socket }: Partial<IncomingMessage>): string | undefined {
  return socket?.remoteAddress;
}

/** As Express reads a string: addresses with commas between them. */
function addressesOf(proxy: string | readonly string[]): string[] {
  return typeof proxy === 'string' ? proxy.split(',').map((address) => address.trim()) : [...proxy];
}

function addressProblem(name: string, address: unknown): string[] {
  if (typeof address === 'string' && isAddress(address)) return [];
  const cure =
    typeof address === 'string' && /^(\d+|true|false)$/.test(address)
      ? 'Give a number of proxies, true and false without quotes.'
      : 'Host names are not looked up: give the address from which the proxy connects.';
  return [`${name} ${RULE} ${cure}`];
}

/** Stricter than proxy-addr, for which `1` and `10.0` are addresses too. */
function isAddress(text: string): boolean {
  if (NAMED_RANGES.includes(text)) return true;
  if (isIP(text.split('/', 1)[0] ?? '') === 0) return false;
  try {
    proxyAddr.compile(text);
    return true;
  } catch {
    return false; // It says so by throwing.
  }
}
