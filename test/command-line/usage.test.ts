import { describe, expect, test } from '@jest/globals';
import { EXIT } from '../../src/cli/exit-codes.js';
import { COMMANDS } from '../../src/cli/commands.js';
import { runHere, runProgram } from '../support/run-program.js';

/** Nothing listens there. */
const NOWHERE = { REDIS_URL: 'redis://127.0.0.1:1' };
const SID = 'x'.repeat(54);

describe('the command line', () => {
  test('--help names every command', async () => {
    const { code, stdout, stderr } = await runProgram(['--help']);
    expect([code, stderr]).toEqual([EXIT.fine, '']);
    for (const name of COMMANDS.keys()) expect(stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
    expect((await runHere([])).stdout).toBe(stdout);
  });

  test.each([...COMMANDS.keys()])('%s --help names its options, and needs no Redis', async (name) => {
    const { code, stdout, stderr } = await runHere([name, '--help'], { env: NOWHERE });
    expect([code, stderr]).toEqual([EXIT.fine, '']);
    const options = [...Object.keys(COMMANDS.get(name)!.options), 'json', 'url', 'prefix', 'cluster', 'tls'];
    for (const option of options) expect(stdout).toContain(`--${option}`);
    expect(stdout).toContain('REDIS_PASSWORD');
  });

  test('--version is that of the package', async () => {
    expect((await runProgram(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test.each([
    ['a command that does not exist', ['lst', 'ada'], 'There is no command "lst". Did you mean "list"?'],
    ['a command that nothing is like', ['purge'], 'There is no command "purge". Try nestjs-redis-session --help.'],
    ['a URL in its place', ['redis://:hunter2@127.0.0.1'], 'There is no such command. Try nestjs-redis-session --help.'],
    ['an option before the command', ['--yes', 'list', 'ada'], 'The command comes first: nestjs-redis-session list [options]'],
    ['an option that does not exist', ['list', 'ada', '--limt', '3'], 'There is no option --limt. Did you mean --limit?'],
    ['an option of another command', ['list', 'ada', '--yes'], 'There is no option --yes. Try --help.'],
    ['--force', ['revoke-all', 'ada', '--force'], 'There is no option --force. Did you mean --yes?'],
    [
      'an option that may hold a password',
      ['list', 'ada', '--redis://:hunter2@x'],
      'An option that begins like that does not exist. Try --help.',
    ],
    ['an option without its value', ['list', 'ada', '--limit'], '--limit needs a value: --limit COUNT'],
    ['an option in place of a value', ['list', 'ada', '--limit', '--cluster'], '--limit needs a value: --limit COUNT'],
    ['a value where there is none', ['list', 'ada', '--cluster=yes'], '--cluster takes no value.'],
    ['an option twice', ['list', 'ada', '--limit', '1', '--limit', '2'], '--limit stands there twice. Leave one out.'],
    ['a number that is none', ['list', 'ada', '--limit', 'many'], '--limit must be a whole number from 1 to 500.'],
    ['a number out of bounds', ['list', 'ada', '--limit', '501'], '--limit must be a whole number from 1 to 500.'],
    ['no user', ['list'], 'Which user? Type: nestjs-redis-session list <user>'],
    ['two users', ['revoke-all', 'ada', 'grace'], 'One user at a time. Type: nestjs-redis-session revoke-all <user>'],
    ['no session', ['show'], 'Which session? Type: nestjs-redis-session show <handle>'],
    ['words that stats does not take', ['stats', 'ada'], 'That command takes no further words. Type: nestjs-redis-session stats'],
    ['what is no handle', ['show', 'ada'], 'That is no handle: a handle has 22 characters (or 43, with a custom genid).'],
    ['a URL that is none', ['list', 'ada', '--url', 'http://:hunter2@x'], '--url (REDIS_URL) must be a URL that begins with redis://'],
    ['several URLs', ['list', 'ada', '--url', 'redis://a', '--url', 'redis://b'], 'Several URLs are nodes of a Cluster. Add --cluster.'],
    ['a sentinel without a master', ['list', 'ada', '--sentinel', 'a:1'], '--sentinel needs the name of the master: --master mymaster'],
    ['a prefix that is none', ['list', 'ada', '--prefix', 'a*'], '--prefix must'],
    ['a file that is not there', ['list', 'ada', '--ca', '/nowhere.pem'], '--ca names a file that cannot be read (ENOENT): /nowhere.pem'],
  ])('%s is told with the cure', async (_what, args, message) => {
    const { code, stdout, stderr } = await runHere(args, { env: NOWHERE });
    expect(stderr).toContain(message);
    expect([code, stdout]).toEqual([EXIT.usage, '']);
    expect(stderr).not.toContain('hunter2');
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  test.each([SID, `s:${SID}.signature`, `s%3A${SID}.signature`])('a sid in place of a handle is not repeated', async (sid) => {
    const { code, stdout, stderr } = await runHere(['show', sid, '--json'], { env: NOWHERE });
    expect([code, stderr]).toEqual([EXIT.usage, expect.stringMatching(/^That is a sid, which opens the session/)]);
    expect(stdout + stderr).not.toContain('xxxxx');
  });

  test('a password on the command line is refused as an option, and warned about in a URL', async () => {
    const option = await runProgram(['list', 'ada', '--password', 'hunter2'], { env: NOWHERE });
    expect(option).toMatchObject({ code: EXIT.usage, stderr: expect.stringContaining('Set REDIS_PASSWORD or REDIS_PASSWORD_FILE.') });
    const url = await runProgram(['list', 'ada', '--url', 'redis://:hunter2@127.0.0.1:1']);
    expect(url).toMatchObject({
      code: EXIT.unavailable,
      stderr: expect.stringContaining('The password in --url can be read by everybody'),
    });
    const env = await runProgram(['list', 'ada'], { env: { REDIS_URL: 'redis://:hunter2@127.0.0.1:1' } });
    expect(env).toMatchObject({ code: EXIT.unavailable, stderr: expect.not.stringContaining('password') });
    for (const said of [option, url, env]) expect(said.stdout + said.stderr).not.toContain('hunter2');
  });

  test('--json tells of an error too', async () => {
    const { code, stdout } = await runHere(['list', '--json'], { env: NOWHERE });
    expect(JSON.parse(stdout)).toEqual({
      error: { exitCode: EXIT.usage, message: 'Which user? Type: nestjs-redis-session list <user>' },
    });
    expect(code).toBe(EXIT.usage);
  });

  test('a Redis that is not there is told with the cure', async () => {
    const { code, stderr } = await runProgram(['count'], { env: NOWHERE });
    expect([code, stderr]).toEqual([
      EXIT.unavailable,
      'Redis does not answer (ECONNREFUSED). Nothing listens there. Start Redis, or set --url or REDIS_URL.\n',
    ]);
  });

  test('without ioredis, it says how to install it', async () => {
    const { code, stderr } = await runProgram(['count'], { preload: 'without-ioredis.mjs' });
    expect([code, stderr]).toEqual([
      EXIT.usage,
      expect.stringMatching(/In the folder of your application, type: npm install --save-dev ioredis\n/),
    ]);
    expect((await runProgram(['count', '--help'], { preload: 'without-ioredis.mjs' })).code).toBe(EXIT.fine);
  });

  test('a variable that must be true or false is refused otherwise', async () => {
    const { code, stderr } = await runHere(['count'], { env: { ...NOWHERE, REDIS_CLUSTER: 'maybe' } });
    expect([code, stderr]).toEqual([EXIT.usage, 'REDIS_CLUSTER must be true or false.\n']);
  });
});
