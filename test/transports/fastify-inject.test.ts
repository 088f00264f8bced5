import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';

const SUPPORT = join(import.meta.dirname, '../support');

test.each(['without Nest', 'under Nest'])('%s, inject() has sessions: stored before the reply, 503 otherwise', async (door) => {
  const loader = ['--import', join(SUPPORT, 'typescript-loader.mjs')];
  const { stdout } = await promisify(execFile)(process.execPath, [...loader, join(SUPPORT, 'injected-requests.ts'), door]);
  expect(JSON.parse(stdout)).toEqual({
    changed: [200, 1],
    read: [200, '{"cart":["tea"]}', 0],
    raw: [200, 'raw'],
    failed: [503, 0],
  });
});
