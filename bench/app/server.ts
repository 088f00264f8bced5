// One candidate as a server process of its own: node server.js <candidate> <redis url>
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CANDIDATES } from '../candidates/index.js';
import { answerParent } from '../processes/child-side.js';
import { BenchController, SESSION_ACCESS } from './bench.controller.js';
import { profileAllocations, profileTime, type SaveProfile } from './profiler.js';

const [name, redisUrl = ''] = process.argv.slice(2);
const candidate = CANDIDATES.find((one) => one.name === name);
if (candidate === undefined) throw new Error(`There is no candidate ${String(name)}.`);

@Module({
  imports: candidate.imports?.(redisUrl) ?? [],
  controllers: [BenchController],
  providers: [{ provide: SESSION_ACCESS, useValue: candidate.access }],
})
class BenchModule {}

const app = await NestFactory.create(BenchModule, { logger: ['error', 'warn'] });
candidate.mount?.(app, redisUrl);
await app.listen(0, '127.0.0.1');

const server = app.getHttpServer() as Server;
let requests = 0;
server.on('request', () => requests++);

let saveProfile: SaveProfile | undefined;

answerParent({
  url: () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  // getrusage(2): what the operating system has counted for this process, all threads.
  usage: () => ({ requests, cpu: cpuMicroseconds() }),
  profileTime: async () => {
    saveProfile = await profileTime();
  },
  profileAllocations: async () => {
    saveProfile = await profileAllocations();
  },
  saveProfile: async (file) => {
    await saveProfile?.(String(file));
  },
});

function cpuMicroseconds(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
