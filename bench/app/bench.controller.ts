import { Body, Controller, Get, Inject, Post, Req, Res } from '@nestjs/common';
import type { BenchRequest, BenchResponse, SessionAccess } from '../candidates/candidate.js';
import { FIRST_VISIT, sampleSession, sizeOf } from './sample-session.js';

export const SESSION_ACCESS = Symbol('session access');

const LAST_VISIT = 999_999;

/** The same for every candidate. */
@Controller()
export class BenchController {
  #visit = FIRST_VISIT;

  constructor(@Inject(SESSION_ACCESS) private readonly access: SessionAccess) {}

  @Post('login')
  async login(
    @Req() request: BenchRequest,
    @Res({ passthrough: true }) response: BenchResponse,
    @Body() { user, bytes }: { user: number; bytes: number },
  ): Promise<object> {
    await this.access.signIn(request, response, sampleSession(user, bytes));
    return {};
  }

  /** Read only. */
  @Get('me')
  me(@Req() request: BenchRequest): object {
    return { id: this.access.identity(request)?.id ?? null };
  }

  /** One entry changed. */
  @Post('change')
  async change(@Req() request: BenchRequest): Promise<object> {
    this.#visit = this.#visit === LAST_VISIT ? FIRST_VISIT : this.#visit + 1;
    await this.access.change(request, this.#visit);
    return { id: this.access.identity(request)?.id ?? null };
  }

  /** Does not ask for the session. */
  @Get('public')
  public(): object {
    return { id: null };
  }

  /** To verify what is measured. */
  @Get('contents')
  contents(@Req() request: BenchRequest): { bytes: number; visit: number | undefined } {
    const entries = this.access.entries(request);
    return { bytes: sizeOf(entries), visit: entries.visit };
  }
}
