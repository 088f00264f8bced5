import 'reflect-metadata';
import { existsSync } from 'node:fs';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';

import { AppModule } from './app.module.js';

const unused = ['express', '@nestjs/platform-express', 'express-session', 'connect-redis'].filter((name) =>
  existsSync(`node_modules/${name}`),
);
if (unused.length > 0) throw new Error(`npm has installed what this application does not use: ${unused.join(', ')}.`);

async function start() {
  const app = await NestFactory.create<NestFastifyApplication>(AppModule, new FastifyAdapter(), { logger: ['error', 'warn'] });
  app.enableShutdownHooks();
  await app.listen(0, '127.0.0.1');
  console.log(`listening on ${await app.getUrl()}`);
}

void start();
