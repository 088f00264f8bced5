import 'reflect-metadata';
import { join } from 'node:path';
import { ConfigService } from '@nestjs/config';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { SessionStore } from 'nestjs-redis-session';
import { AppModule } from './app.module.js';
import { pageHeaders } from './page/page-headers.js';
import { SessionStorage } from './page/session-storage.js';

/** Starts the sample and says where to find it, and where its sessions live. */
export async function startSample(): Promise<NestExpressApplication> {
  const app = await NestFactory.create<NestExpressApplication>(AppModule, { bodyParser: false, logger: ['fatal', 'error', 'warn'] });
  app.disable('x-powered-by');
  // JSON only: a form on another site can send everything else.
  app.useBodyParser('json');
  app.useStaticAssets(join(import.meta.dirname, '../public'), { setHeaders: pageHeaders });

  const config = app.get(ConfigService);
  const host = config.get<string>('HOST') || '127.0.0.1';
  await app.listen(config.get<string>('PORT') || 3000, host);

  const { port } = new URL(await app.getUrl());
  const name = ['127.0.0.1', '0.0.0.0', '::', '::1'].includes(host) ? 'localhost' : host;
  process.stdout.write(`http://${name}:${port} · sign in as ada / lovelace or grace / hopper · Ctrl-C ends it\n`);
  process.stdout.write(`${app.get(SessionStorage).report()}\n`);
  const { migration } = app.get(SessionStore);
  if (migration !== undefined) process.stdout.write(`Sessions of connect-redis that are left: ${(await migration.count()).left}\n`);
  return app;
}
