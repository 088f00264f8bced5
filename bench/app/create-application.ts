import type { INestApplication, NestApplicationOptions, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { PlatformName } from '../platforms.js';

const OPTIONS: NestApplicationOptions = { logger: ['error', 'warn'] };

/** An application of that platform, in which nothing of the other is loaded. */
export async function createApplication(platform: PlatformName, module: Type): Promise<INestApplication> {
  if (platform === 'express') return NestFactory.create(module, OPTIONS);
  const { FastifyAdapter } = await import('@nestjs/platform-fastify');
  return NestFactory.create(module, new FastifyAdapter(), OPTIONS);
}
