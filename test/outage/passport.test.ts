import { describe, expect, test } from '@jest/globals';
import { Controller, Get, Req, UseGuards } from '@nestjs/common';
import type { Request } from 'express';
import { Identity, SessionGuard, type SessionEntries } from '../../src/index.js';
import { recovered, UNAVAILABLE, useOutages } from '../support/outage-harness.js';
import { blackouts } from '../support/outages.js';
import { passportModule, type PassportUser } from '../support/passport-module.js';
import { expressVariants, redisVariants } from '../support/variants.js';

@Controller()
class ShopController {
  @Get('health') health() {
    return { isFine: true };
  }
  @UseGuards(SessionGuard) @Get('account') account(@Identity('id') id: string, @Req() request: Request) {
    return { id, user: (request.user as PassportUser | undefined)?.name };
  }
}

const identity = (session: SessionEntries) => (session as { passport?: { user?: Identity } }).passport?.user;

describe.each(redisVariants.filter((variant) => expressVariants.includes(variant)))('Passport while Redis is away, $name', (variant) => {
  const outages = useOutages(variant);

  test.each(blackouts)(
    'does without what is excluded from both, is refused the rest, and knows the user again: Redis $name',
    async (outage) => {
      const exclude = ['health'];
      const app = await outages.open({ identity, exclude, imports: [passportModule(exclude)], controllers: [ShopController] });
      const browser = app.browser();
      await browser.post('/passport/login', { username: 'ada', password: 'lovelace' });
      await outages.begin(outage);
      expect((await browser.get('/health')).json).toEqual({ isFine: true });
      expect((await browser.get('/account')).json).toEqual(UNAVAILABLE);
      await outages.end();
      await recovered(browser);
      expect((await browser.get('/account')).json).toEqual({ id: 'ada', user: 'Ada' });
    },
  );
});
