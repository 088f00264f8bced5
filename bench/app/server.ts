// One candidate as a server process of its own: node server.js <order as JSON>
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Module } from '@nestjs/common';
import { packedBuiltin } from '../candidates/ours.js';
import { PLATFORMS } from '../platforms.js';
import { answerParent } from '../processes/child-side.js';
import { BenchController, SESSION_ACCESS } from './bench.controller.js';
import { createApplication } from './create-application.js';
import type { ServerOrder } from './server-order.js';
import { profileAllocations, profileTime, type SaveProfile } from './profiler.js';

const { platform, candidate: name, packed, storage } = JSON.parse(process.argv[2] ?? '{}') as ServerOrder;
const candidates = PLATFORMS.find((one) => one.name === platform)?.candidates;
const candidate = packed === undefined ? candidates?.find((one) => one.name === name) : packedBuiltin(packed);
if (candidate === undefined) throw new Error(`There is no candidate ${name} on ${platform}.`);
const { access, imports = [], mount } = await candidate.wire(storage);

@Module({ imports, controllers: [BenchController], providers: [{ provide: SESSION_ACCESS, useValue: access }] })
class BenchModule {}

const app = await createApplication(platform, BenchModule);
await mount?.(app);
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
