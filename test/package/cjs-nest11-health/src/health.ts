import 'reflect-metadata';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Controller, Get, Module, Param, Post, Req, Res } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import type { Redis } from 'ioredis';
import { InjectSessionRedis } from 'nestjs-redis-session';
import { SessionHealthIndicator } from 'nestjs-redis-session/health';
import { SessionMetrics } from 'nestjs-redis-session/metrics';

import { AppModule } from './app.module.js';

const exporter = new PrometheusExporter({ preventServerStart: true });
const meterProvider = new MeterProvider({ readers: [exporter] });

@Controller()
class SeenController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly sessions: SessionHealthIndicator,
    @InjectSessionRedis() private readonly redis: Redis,
  ) {}

  @Get('health')
  check() {
    return this.health.check([() => this.sessions.isHealthy('sessions')]);
  }

  @Get('ready')
  ready() {
    return this.health.check([() => this.sessions.isHealthy('sessions', { down: ['evicting'] })]);
  }

  @Post('policy/:policy')
  setPolicy(@Param('policy') policy: string) {
    return this.redis.config('SET', 'maxmemory-policy', policy);
  }

  @Get('metrics')
  scrape(@Req() request: IncomingMessage, @Res() response: ServerResponse): void {
    exporter.getMetricsRequestHandler(request, response);
  }
}

@Module({
  imports: [AppModule, TerminusModule.forRoot({ logger: false })],
  controllers: [SeenController],
  providers: [SessionHealthIndicator, { provide: SessionMetrics, useFactory: () => new SessionMetrics({ meterProvider }) }],
})
class SeenModule {}

async function main(): Promise<void> {
  const app = await NestFactory.create(SeenModule, { logger: ['error', 'warn'] });
  app.enableShutdownHooks();
  await app.listen(0, '127.0.0.1');
  console.log(`listening on ${await app.getUrl()}`);
}

void main();
