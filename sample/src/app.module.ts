import { Module } from '@nestjs/common';
import { ConfigModule, ConfigService } from '@nestjs/config';
import { RedisSessionModule } from 'nestjs-redis-session';
import { AccountModule } from './account/account.module.js';
import { AdminModule } from './admin/admin.module.js';
import { AuthModule } from './auth/auth.module.js';
import { CartModule } from './cart/cart.module.js';
import { HealthModule } from './health/health.module.js';
import { MetricsModule } from './metrics/metrics.module.js';
import { MoveModule } from './move/move.module.js';
import { PageModule } from './page/page.module.js';
import { PresenceModule } from './presence/presence.module.js';
import { SessionsModule } from './sessions/sessions.module.js';
import { sessionOptions } from './session-options.js';
import { ShutdownDeadline } from './shutdown-deadline.js';

@Module({
  imports: [
    ConfigModule.forRoot(),
    RedisSessionModule.forRootAsync({
      imports: [ConfigModule],
      inject: [ConfigService],
      useFactory: sessionOptions,
      // Asked often and by everybody; none needs a session.
      exclude: ['health', 'metrics', 'page/move', 'page/storage'],
    }),
    AuthModule,
    AccountModule,
    SessionsModule,
    AdminModule,
    CartModule,
    HealthModule,
    MetricsModule,
    PageModule,
    MoveModule,
    PresenceModule,
  ],
  providers: [ShutdownDeadline],
})
export class AppModule {}
