import { BadRequestException, Injectable } from '@nestjs/common';
import { SessionManager, type HttpSession, type Identity, type SessionInfo } from 'nestjs-redis-session';
import { deviceName } from './device-name.js';
import type { PageQuery } from './page-query.pipe.js';

/** A session as its user knows it: somewhere they are signed in. */
export interface Device {
  readonly handle: string;
  /** "Firefox on Windows" */
  readonly device: string;
  readonly ip: string | undefined;
  readonly signedInAt: Date;
  readonly lastSeenAt: Date;
  /** Whether it is the one that asks. */
  readonly current: boolean;
}

export interface DevicePage {
  readonly sessions: readonly Device[];
  /** For the next page. */
  readonly cursor?: string | undefined;
}

@Injectable()
export class Devices {
  constructor(private readonly manager: SessionManager) {}

  async list(userId: Identity['id'], { cursor, limit }: PageQuery, current: HttpSession): Promise<DevicePage> {
    const page = await this.manager.list(userId, { cursor, limit, current }).catch(asAnswer);
    return { sessions: page.sessions.map(deviceOf), cursor: page.cursor };
  }
}

function deviceOf({ handle, userAgent, ip, createdAt, lastSeenAt, current }: SessionInfo): Device {
  return { handle, device: deviceName(userAgent), ip, signedInAt: createdAt, lastSeenAt, current: current === true };
}

function asAnswer(error: Error & { readonly code?: unknown }): never {
  // The rest of what is asked was checked before: it is the cursor, which came from outside.
  if (error.code === 'SESSION_MISUSE') throw new BadRequestException('"cursor" must be one that this list has given out.');
  throw error;
}
