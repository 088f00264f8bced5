import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import { keepClient } from '../../src/http/request/request-client.js';
import { deviceOf } from '../../src/http/request/request-device.js';
import { hostOf, isSecureRequest } from '../../src/http/request/request-security.js';
import { resolveProxyOption } from '../../src/http/request/trusted-proxies.js';

const HEADERS = {
  host: 'inner:3000',
  'x-forwarded-host': 'shop.example',
  'x-forwarded-proto': 'https',
  'x-forwarded-for': '203.0.113.7',
};
const CLIENT = { protocol: 'https', host: 'framework.example:8443', ip: '192.0.2.1' };

function requestWith(more: object = {}): IncomingMessage {
  return { httpVersionMajor: 1, headers: HEADERS, socket: { remoteAddress: '::ffff:10.0.0.9' }, ...more } as unknown as IncomingMessage;
}

/** Whether the client came over https, the host that it asked, and its address. */
function concluded(request: IncomingMessage, proxy?: Parameters<typeof resolveProxyOption>[0]): unknown[] {
  const proxies = resolveProxyOption(proxy);
  const device = deviceOf(request, { ip: true, userAgent: false }, proxies);
  return [isSecureRequest(request, proxies), hostOf(request, proxies), device?.ip];
}

describe('the client of a request', () => {
  test('is the one of the connection where nobody says more', () => {
    expect(concluded(requestWith())).toEqual([false, 'inner:3000', '10.0.0.9']);
  });

  test('is what a framework says that has a request of its own', () => {
    const request = requestWith();
    keepClient(request, CLIENT);
    expect(concluded(request)).toEqual([true, 'framework.example:8443', '192.0.2.1']);
    expect(concluded(Object.create(request) as IncomingMessage)).toEqual([true, 'framework.example:8443', '192.0.2.1']);
  });

  test('is what the option says, whatever a framework says', () => {
    const request = requestWith();
    keepClient(request, CLIENT);
    expect(concluded(request, false)).toEqual([false, 'inner:3000', '10.0.0.9']);
    expect(concluded(request, '10.0.0.9')).toEqual([true, 'shop.example', '203.0.113.7']);
    expect(concluded(request, '10.0.0.8')).toEqual([false, 'inner:3000', '10.0.0.9']);
  });

  test('of HTTP/2 asks the host of the header that only HTTP/2 has', () => {
    const http2 = requestWith({ httpVersionMajor: 2, headers: { ':authority': 'shop.example:8443', host: 'evil.test' } });
    expect(concluded(http2)).toEqual([false, 'shop.example:8443', '10.0.0.9']);
    const http1 = requestWith({ headers: { ':authority': 'evil.test', host: 'shop.example' } });
    expect(concluded(http1)).toEqual([false, 'shop.example', '10.0.0.9']);
  });

  test.each([
    ['a Unix socket', {}],
    ['a wrapper that has no connection', undefined],
  ])('of %s has no address, and is what the proxy says where that needs none', (_, socket) => {
    for (const nobody of [undefined, '10.0.0.9', false])
      expect(concluded(requestWith({ socket }), nobody)).toEqual([false, 'inner:3000', undefined]);
    for (const somebody of [1, true]) expect(concluded(requestWith({ socket }), somebody)).toEqual([true, 'shop.example', '203.0.113.7']);
  });
});
