import 'reflect-metadata';
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, test } from 'node:test';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { RedisSessionConfigError, RedisSessionModule, type RedisSessionOptions } from 'nestjs-redis-session';

const session = { secret: 'only for this test, thirty-two bytes or more' };

async function start(options: RedisSessionOptions): Promise<void> {
  @Module({ imports: [RedisSessionModule.forRoot(options)] })
  class Application {}
  const app = await NestFactory.create(Application, { logger: false, abortOnError: false });
  await app.close();
}

describe('without ioredis', () => {
  test('it is not there', () => {
    assert.equal(existsSync('node_modules/ioredis'), false);
  });

  test('a URL asks for the package', async () => {
    await assert.rejects(
      start({ redis: 'redis://127.0.0.1:1', session }),
      (error: unknown) =>
        error instanceof RedisSessionConfigError &&
        error.message.includes('"redis" is a URL, which needs the package ioredis') &&
        error.message.includes('npm install ioredis'),
    );
  });

  test('the entries without Nest, and those of CommonJS, are loaded', async () => {
    for (const entry of ['express', 'node', 'store']) assert.ok(await import(`nestjs-redis-session/${entry}`));
    const { createRequire } = await import('node:module');
    assert.ok(createRequire(import.meta.url)('nestjs-redis-session'));
  });
});
