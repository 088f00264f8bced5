import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import ts from 'typescript';
import { Browser } from '../support/browser.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { sessionKeys } from '../support/stored-session.js';

const ROOT = join(import.meta.dirname, '../..');
const FOLDER = join(ROOT, '.cache', `readme-${process.pid}`);

/** What the example leaves to its reader. */
const AROUND = `
import { Body, Controller, Get, Injectable, Module, Post, UseGuards } from '@nestjs/common';
import { ConfigModule, ConfigService } from '@nestjs/config';
import { type HttpSession, Identity, Public, RedisSessionModule, Session, SessionGuard } from '../../src/index.js';

class Item {}
class LoginDto {}

@Injectable()
class UsersService {
  async verify() {
    return { id: 'ada', roles: ['user'] };
  }
}
export const providers = [UsersService];
`;

let redis: RedisServer;
let example: { AppModule: Type; AccountController: Type; providers: Type[] };
beforeAll(async () => {
  redis = await startRedis();
  Object.assign(process.env, { REDIS_URL: redis.url, SESSION_SECRET: 'the secret of the example in the README' });
  const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
  const [module, controller] = [...readme.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code]) => code);
  const compilerOptions = { target: ts.ScriptTarget.ES2023, experimentalDecorators: true, emitDecoratorMetadata: true };
  const { outputText } = ts.transpileModule([AROUND, controller, module].join('\n'), { compilerOptions });
  await mkdir(FOLDER, { recursive: true });
  await writeFile(join(FOLDER, 'example.mjs'), outputText);
  example = await import(join(FOLDER, 'example.mjs'));
});
afterAll(async () => {
  await rm(FOLDER, { recursive: true });
  await redis.stop();
});

test('the first example of the README starts as it stands, signs in, knows who asks, and signs out', async () => {
  const { AppModule, AccountController, providers } = example;
  const module = await Test.createTestingModule({ imports: [AppModule], controllers: [AccountController], providers }).compile();
  const app = module.createNestApplication({ logger: false });
  try {
    await app.listen(0, '127.0.0.1');
    const browser = new Browser(await app.getUrl());
    expect((await browser.get('/me')).status).toBe(401);
    expect((await browser.post('/login')).status).toBe(201);
    expect((await browser.get('/me')).json).toEqual({ id: 'ada', roles: ['user'] });
    const [key = ''] = await sessionKeys(redis.client());
    expect(await redis.client().hget(key, 'identity')).toBe('{"id":"ada","roles":["user"]}');
    expect((await browser.post('/logout')).status).toBe(201);
    expect((await browser.get('/me')).status).toBe(401);
  } finally {
    await app.close();
  }
});
