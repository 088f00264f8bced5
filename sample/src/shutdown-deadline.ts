import { Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';

const LONGEST = 1_000;

/** Requests under way may end. Connections that a browser opened in advance, and never used, would hold the process for a minute. */
@Injectable()
export class ShutdownDeadline implements BeforeApplicationShutdown {
  constructor(private readonly host: HttpAdapterHost) {}

  beforeApplicationShutdown(): void {
    const server = this.host.httpAdapter.getHttpServer();
    setTimeout(() => server.closeAllConnections(), LONGEST).unref();
  }
}
