import { Controller, Get, HttpCode, Post } from '@nestjs/common';
import { SessionStore, type MigrationPhase } from 'nestjs-redis-session';

/** How far the move from connect-redis is, for everybody to see. An application for others would ask for a role. */
@Controller('page/move')
export class MoveController {
  constructor(private readonly store: SessionStore) {}

  /** Nothing when there is no move under way. */
  @Get()
  async progress(): Promise<{ phase?: MigrationPhase; left?: number }> {
    const { migration } = this.store;
    return migration === undefined ? {} : { phase: migration.phase, left: (await migration.count()).left };
  }

  /** Converts the sessions of those who have not come yet. */
  @Post('rest')
  @HttpCode(200)
  async convertRest(): Promise<{ converted?: number }> {
    const done = await this.store.migration?.convertRest().done;
    return done === undefined ? {} : { converted: done.converted };
  }
}
