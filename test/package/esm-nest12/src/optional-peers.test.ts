import 'reflect-metadata';
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, test } from 'node:test';
import { Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { RedisSessionConfigError, RedisSessionModule, type RedisSessionOptions } from 'nestjs-redis-session';

const secret = 'only for this test, thirty-two bytes or more';
// Nobody listens there, and nobody asks before the application has started.
const redis = 'redis://127.0.0.1:1';

/** An application with these options and no more. */
function application(options: RedisSessionOptions): Type {
  @Module({ imports: [RedisSessionModule.forRoot(options)] })
  class Application {}
  return Application;
}

async function start(options: RedisSessionOptions): Promise<void> {
  const app = await NestFactory.create(application(options), { logger: false, abortOnError: false });
  await app.close();
}

function asksFor(...words: string[]): (error: unknown) => boolean {
  return (error) => error instanceof RedisSessionConfigError && words.every((word) => error.message.includes(word));
}

describe('without express-session and connect-redis', () => {
  test('they are not there', () => {
    assert.deepEqual(
      ['express-session', 'connect-redis'].filter((name) => existsSync(`node_modules/${name}`)),
      [],
    );
  });

  test('session.middleware: express-session asks for the package', async () => {
    await assert.rejects(
      start({ session: { secret, middleware: 'express-session' }, store: { kind: 'memory' } }),
      asksFor('"session.middleware" is "express-session"', 'npm install express-session'),
    );
  });

  test('store.kind: connect-redis asks for the package', async () => {
    await assert.rejects(
      start({ redis, session: { secret }, store: { kind: 'connect-redis' } }),
      asksFor('"store.kind" is "connect-redis"', 'npm install connect-redis@8'),
    );
  });

  test('the built-in middleware starts', async () => {
    await start({ session: { secret }, store: { kind: 'memory' } });
  });
});
